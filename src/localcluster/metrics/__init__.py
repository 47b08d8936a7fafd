"""The cluster's own metrics as Prometheus text. Reads; never changes anything."""
