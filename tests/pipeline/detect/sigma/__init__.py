"""Tests of the Sigma engine, part by part."""
