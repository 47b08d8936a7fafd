"""Brings a target up and down and speaks to its API server. All that differs between clusters."""
