"""The journey of an event and its stations; only journey.py knows them all."""
