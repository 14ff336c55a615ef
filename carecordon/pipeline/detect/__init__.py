"""From batches to matches."""
