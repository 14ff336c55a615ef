"""Whom the hub believes: its authority, its keys, its tokens, and what it has revoked."""
