"""What people and other software see of a hub: an API on loopback, and the local administrator's socket."""
