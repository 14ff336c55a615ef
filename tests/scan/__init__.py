"""Tests of scan: files, archives, workers."""
