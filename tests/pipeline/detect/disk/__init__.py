"""Rules read from disk."""
