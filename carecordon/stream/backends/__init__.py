"""Shelf: one file for each engine that can keep a log."""
