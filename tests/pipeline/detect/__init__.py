"""Tests of the station that finds matches."""
