"""Event files read by the journey: the only room so far that touches the world."""
