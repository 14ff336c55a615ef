"""The gate: the process that devices speak to; what it has acknowledged is on disk."""
