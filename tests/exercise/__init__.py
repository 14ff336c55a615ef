"""Tests of the made-up hospital: what it must be so that others can be judged by it."""
