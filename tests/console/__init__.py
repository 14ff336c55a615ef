"""Tests of carecordon/console."""
