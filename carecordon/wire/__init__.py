"""How words travel; no sockets here."""
