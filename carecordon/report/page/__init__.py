"""The parts of the page for a browser: no script, address or markup can come in with what they are told."""
