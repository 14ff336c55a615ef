"""Carecordon finds an attack on any device of a health service and cuts that device off, without cutting off care."""

__version__ = "0.1.0"
