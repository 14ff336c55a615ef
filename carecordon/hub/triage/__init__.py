"""Triage: the process that makes incidents of what workers found, and tells what has fallen quiet."""
