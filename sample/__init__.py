"""A made-up hospital's bad Friday, to try Carecordon on: `python -m sample.make` writes it."""
