"""What breaks on purpose: power that fails, disks that lie, processes that are killed."""
