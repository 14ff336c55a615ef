"""Makers of single believable events, one function a kind, as real sensors fill them."""
