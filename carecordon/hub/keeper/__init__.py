"""The keeper: the process that owns the store of events, and how the others reach it."""
