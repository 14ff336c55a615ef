"""Tests of carecordon/cli."""
