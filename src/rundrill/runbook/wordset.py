"""Vocabularies, written as prose so that they stay readable and short."""


def word_set(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())
