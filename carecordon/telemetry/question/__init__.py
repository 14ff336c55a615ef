"""Questions about events: one SELECT over published views, taken apart and put together again, and ready questions."""
