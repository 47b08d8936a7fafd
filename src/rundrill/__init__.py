"""Proves that an incident runbook works before the night it is needed."""

__all__: list[str] = []
