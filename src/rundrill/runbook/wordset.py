"""Vocabularies, written as prose so that they stay readable and short."""

from typing import Final

KEPT: Final = 2048
"""How many answers of a pure function are kept: several readers ask about the same words."""


def word_set(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())
