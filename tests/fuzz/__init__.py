"""Fuzzing of everything that reads foreign bytes: no crash, no hang, no hunger for memory."""
