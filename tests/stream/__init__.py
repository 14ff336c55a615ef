"""How a log keeps its promises."""
