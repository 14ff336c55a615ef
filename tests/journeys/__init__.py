"""Golden journeys: what goes in at one end, and what must come out at the other."""
