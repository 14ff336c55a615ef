"""The stores that keep events: the only files of this room that speak to anything outside."""
