"""The process on a device: what its sources say is kept on disk, carried to the hub, and forgotten when it is there."""
