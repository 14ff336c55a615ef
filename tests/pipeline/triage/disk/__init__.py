"""Lists that people keep, read."""
