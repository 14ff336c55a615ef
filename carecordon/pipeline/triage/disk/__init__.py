"""What triage is told by files that people keep."""
