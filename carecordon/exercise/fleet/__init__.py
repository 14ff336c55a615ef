"""Many agents in one process: the agent's own session and spool, their sources replaced by a made-up world."""
