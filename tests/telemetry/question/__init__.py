"""Proof of what a question may be and what it may not."""
