"""A hub kept elsewhere: backed up, restored, and checked."""
