"""Each format, held against golden results."""
