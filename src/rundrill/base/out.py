"""Standard output, whose reader may go away (`| head`): that stops the telling and nothing else."""

import os
import sys

from rundrill.redaction import redact


def write(text: str) -> None:
    """Writes without secrets, and flushes; after a reader that has gone the rest goes nowhere."""
    try:
        sys.stdout.write(redact(text))
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_error(text: str) -> None:
    """To standard error, without secrets: a message may cite what a program or a server said."""
    sys.stderr.write(redact(text))
