"""The commands: they compose the rooms below and decide nothing."""
