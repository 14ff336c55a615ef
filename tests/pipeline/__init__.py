"""Tests of the journey and its stations."""
