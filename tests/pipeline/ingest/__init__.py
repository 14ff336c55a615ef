"""Tests of ingest: from bytes to events."""
