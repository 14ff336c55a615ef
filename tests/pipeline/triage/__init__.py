"""Tests of triage: correlations."""
