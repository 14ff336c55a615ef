"""Figures that anyone can reproduce: `carecordon bench …`."""
