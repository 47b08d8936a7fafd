"""What a command tells: on standard output, or in a file that was named."""

import os
import sys
from pathlib import Path

from rundrill.errors import MachineError
from rundrill.redaction import redact


def write(text: str) -> None:
    """Writes without secrets, and flushes; after a reader that has gone the rest goes nowhere."""
    try:
        sys.stdout.write(redact(text))
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_file(path: Path, text: str) -> None:
    """Instead of what was there. Raises `MachineError`."""
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise MachineError(
            f"cannot be written: {error.strerror or error}", path=path, fix="name another file"
        ) from error


def write_error(text: str) -> None:
    """To standard error, without secrets: a message may cite what a program or a server said."""
    sys.stderr.write(redact(text))
