"""Standard output, whose reader may go away (`| head`): that stops the telling and nothing else."""

import os
import sys


def write(text: str) -> None:
    """Writes and flushes; after a reader that has gone the rest goes nowhere."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
