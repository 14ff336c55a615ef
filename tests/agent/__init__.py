"""The agent: nothing that it was given is lost, and what cannot be kept is counted."""
