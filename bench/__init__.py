"""Measurements of the reference service. Loopback only, bounded in time."""
