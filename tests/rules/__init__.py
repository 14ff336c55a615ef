"""Our own rules: their style and their proofs."""
