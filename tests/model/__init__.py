"""Tests of carecordon/model."""
