"""The register: devices, people, incidents, the outbox, checkpoints and the audit log of one hub."""
