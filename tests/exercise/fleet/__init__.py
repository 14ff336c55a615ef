"""The fleet: many agents that are real where it counts."""
