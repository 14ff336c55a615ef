"""Telling people: what a notice says, when it is due again, when many become one, and the ways it takes."""
