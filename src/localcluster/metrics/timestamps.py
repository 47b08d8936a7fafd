"""Kubernetes' times as Prometheus has them. Pure."""

from datetime import datetime


def unix(text: str | None) -> float | None:
    """Seconds since 1970 of `2026-01-01T00:00:00Z`; None when there is none."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
