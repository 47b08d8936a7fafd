"""How values and comments are written in YAML."""

import json
import re
from collections.abc import Iterable
from typing import Final

_PLAIN: Final = re.compile(r"(?:[A-Za-z]|\.\.?/)[A-Za-z0-9 _./=-]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def scalar(value: object) -> str:
    """Plain where that is read as the same text again, else in double quotes."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, int | float):
        return text
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text == text.strip()
    return text if plain else json.dumps(text, ensure_ascii=False)


def listed(values: Iterable[str]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"


def comment(text: str, indent: int = 0) -> str:
    """One line: what the runbook holds may have several."""
    return f"{' ' * indent}# {' '.join(text.split())}"


def camel(*texts: str) -> str:
    """ "payment-service", "error rate" -> "PaymentServiceErrorRate"."""
    words = re.findall(r"[A-Za-z0-9]+", " ".join(texts))
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Alert{name}"


def snake(text: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", text.lower()))
