"""The worker: the process that merges, matches and stores what devices said."""
