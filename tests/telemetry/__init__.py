"""Proof that events come back as they went in, and that no question gets further than it may."""
