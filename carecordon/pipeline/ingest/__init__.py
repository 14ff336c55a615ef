"""From bytes to batches: feeds decode, normalise names, watch notes what was there."""
