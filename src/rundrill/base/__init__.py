"""Clock, waiting, processes: what every layer above may use. Knows nothing of drills."""
