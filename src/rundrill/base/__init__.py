"""Clock, waiting, processes, numbers in words: for every layer above. Knows nothing of drills."""
