"""The sample that the project ships."""
