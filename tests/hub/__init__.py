"""The hub's processes and what they keep."""
