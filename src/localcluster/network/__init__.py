"""Addresses and the way between pods. Knows Services and Endpoints, never processes."""
