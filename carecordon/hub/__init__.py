"""The processes of a hospital's hub: a gate, workers, a keeper of telemetry, and a supervisor over them."""
