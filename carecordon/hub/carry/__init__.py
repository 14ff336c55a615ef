"""The carrier: the process that tells people, from the outbox."""
