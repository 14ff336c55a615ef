"""Tests of the register: what is on disk, what is single, what is sealed."""
