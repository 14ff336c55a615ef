"""How a log lies in one SQLite file."""
