"""Tests of the feeds: every form of event file, whole and damaged."""
