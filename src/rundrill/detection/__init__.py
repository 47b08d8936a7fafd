"""Scrape, PromQL, alert states. Knows nothing of runbooks or drills."""
