"""Vocabularies, written as prose so that they stay readable and short."""

import re
from functools import lru_cache
from typing import Final

KEPT: Final = 2048
"""How many answers of a pure function are kept: several readers ask about the same words."""


_LETTERS = re.compile(r"[a-z]+")


def word_set(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


@lru_cache(maxsize=KEPT)
def letters_in(text: str) -> frozenset[str]:
    """Every run of letters in `text`, in lower case: "p95>2s" has "p" and "s".

    A pattern that needs one of some words is not tried where none of them is here: to look for it
    at every place of a text costs ten times as much.
    """
    return frozenset(_LETTERS.findall(text.lower()))


def has_any(text: str, parts: tuple[str, ...]) -> bool:
    """Whether one of `parts`, in lower case, is in `text`, as a word or inside of one."""
    low = text.lower()
    for part in parts:  # noqa: SIM110 - a generator takes twice as long, on every line
        if part in low:
            return True
    return False
