"""What a real cluster said once and not again."""

BY_CHANCE: list[str] = []
"""Told at the end of the run: whoever reads it may find that it is no chance."""
