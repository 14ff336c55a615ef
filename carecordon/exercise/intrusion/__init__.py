"""The phases of an intrusion by people at keyboards, from a letter to the ruin of a hospital's files."""
