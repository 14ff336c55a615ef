"""From matches to what a person must know: correlations now, incidents later."""
