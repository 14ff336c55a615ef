"""Tests of carecordon/notify."""
