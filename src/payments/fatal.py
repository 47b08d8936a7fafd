"""The last words of a process that cannot start. Standard library only."""

import json
import sys
from datetime import UTC, datetime


def fatal(event: str, **fields: str) -> None:
    """One line on stdout in the shape of every log line."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {**fields, "event": event, "level": "error", "timestamp": stamp}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
