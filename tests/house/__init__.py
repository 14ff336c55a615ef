"""The laws of the house (DESIGN section 4), each a function from the tree to the places that break it."""
