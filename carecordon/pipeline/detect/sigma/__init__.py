"""Sigma rules: loaded once, compiled into plans, matched a value at a time."""
