"""Tests of the parts of the page for a browser."""
