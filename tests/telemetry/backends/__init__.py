"""Proof of the stores against a real one."""
