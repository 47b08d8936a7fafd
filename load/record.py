"""The request log: one JSON line for every request issued and for every one completed.

The lines, in the order in which they happened; times are seconds of the monotonic clock, which
is one clock for all processes of a Linux or macOS machine:

    {"t":"start","at":..,"pid":..,"rate_per_min":..,"metrics":"http://127.0.0.1:41234/metrics"}
    {"t":"issued","i":17,"name":"POST /payments card","due":..,"sent":..,"key":".."}
    {"t":"retry","i":17,"at":..,"attempt":2,"status":null,"error":"timeout"}
    {"t":"done","i":17,"due":..,"sent":..,"done":..,"status":201,"ok":true,"error":null,
     "attempts":1,"key":"..","payment":".."}
    {"t":"dropped","i":18,"due":..,"at":..}
    {"t":"abandoned","i":19,"at":..}           in flight when the load had to stop
    {"t":"tick","at":..}                       of a worker: nothing older comes after it
    {"t":"end","at":..,"why":"stopped","issued":..,"completed":..,"ok":..,"failed":..,
     "dropped":..,"abandoned":..,"worst_lateness_ms":..}

`i` is the number of the arrival in the whole schedule; a request is `issued` once and `done` once,
its retries in between. `sent` is the time of the first attempt.

Where several workers share the schedule each writes a log of its own, and whoever started them
merges these by time into one, without the ticks. Their master writes a `start`, whose `"port"` is
where they find it, and no requests.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

Value = str | int | float | bool | None


class RecordError(Exception):
    """The log cannot be written: a load without its record proves nothing."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path}: the request log cannot be written: {error.strerror or error}\n"
            "  fix: free disk space, or set RUNDRILL_LOAD_RECORD to another file"
        )


class Record:
    """Appends lines to `path`; None records nothing.

    `write` only buffers, so that no request waits for a disk; `flush` is called at least every
    100 ms and at the end. Raises `RecordError`, also when `path` holds an older record.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._pending = bytearray()
        self._file: int | None = None
        if path is not None:
            try:
                if path.is_file() and path.stat().st_size:
                    raise FileExistsError(0, "the file holds an older record")
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            except OSError as error:
                raise RecordError(path, error) from error

    def write(self, line: Mapping[str, Value]) -> None:
        if self._file is not None:
            self._pending += json.dumps(line, separators=(",", ":")).encode() + b"\n"

    def flush(self) -> None:
        while self._pending and self._file is not None:
            try:
                written = os.write(self._file, self._pending)
            except OSError as error:
                raise RecordError(self._path or Path(), error) from error
            del self._pending[:written]

    def close(self) -> None:
        """Flushes and closes; a second call does nothing."""
        try:
            self.flush()
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None
