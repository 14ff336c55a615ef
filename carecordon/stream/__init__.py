"""The durable log between processes: numbers, frames and partitions here, what keeps them in `backends/`."""
