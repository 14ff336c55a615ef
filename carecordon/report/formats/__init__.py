"""Shelf: one file for each form that a result can be told in."""
