"""Values of command line options; what is wrong is told in words, never by a function's name."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Parser(argparse.ArgumentParser):
    """An unknown option is told with the usage of the command that was called."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown


def file(text: str) -> Path:
    """A path; an empty text (an unset variable of a script) is not the working folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: name a file")
    return Path(text)


def number(text: str, *, low: float, high: float, what: str) -> float:
    """`what` says what is expected: "must be {what}"."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not low <= found <= high:
        raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
    return found
