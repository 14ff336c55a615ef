"""Tests of carecordon/bench."""
