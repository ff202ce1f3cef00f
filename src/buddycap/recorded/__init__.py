"""From what was recorded of a machine to zones, loads and requests."""
