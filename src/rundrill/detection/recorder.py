"""Keeps what was scraped, round by round, so that other rules can be tried on it later.

`samples.jsonl.gz` is gzip around lines of JSON, in which numbers may be NaN and Infinity, too:

    {"format": "rundrill.samples/1", "interval_s": 1.0, "compression": 15.0, "dialect": 3,
     "wall_offset_s": 1.7e9, "rules_path": "...", "rules": "the text of the rules file"}
    {"drill": "20260101-120000-crash-loop", "started": 1003.25, "heard": 1003.75}
    {"round": [1004013, 1004.058], "series": [{"__name__": "up", ...}, ...],
     "values": [0, 1.0, 7, 3.5], "ended": [2]}

`round` has the scrape's time in milliseconds and the evaluation's in seconds, `started` the
drill's first second and `heard` from when it was told of alerts, all of one monotonic clock.
`series` are new ones and are numbered as they come; `values` has number and value of those that
changed, since every other series that has not ended had its old value again. Recording rules are
not in it: they are evaluated again.
"""

import errno
import json
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from rundrill.detection.rules import RuleSet
from rundrill.detection.store import Series

FORMAT: Final = "rundrill.samples/1"
FILE_NAME: Final = "samples.jsonl.gz"
_GZIP: Final = 31
_LEVEL: Final = 4
"""Higher ones save a tenth of the file, and cost twice the time."""


class Recorder:
    """Appends to one file, which is whole up to the last round whenever the process dies.

    It never raises: a disk that is full must not keep a fault from being undone. Then `failure`
    is set, and the file ends with the last round that was written. Two threads may use it: the
    detector's and the one that begins drills. The file is made with the first line.
    """

    def __init__(
        self,
        path: Path,
        *,
        rules: RuleSet,
        interval_s: float,
        compression: float,
        wall_offset_s: float,
    ) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._header = {
            "format": FORMAT,
            "interval_s": interval_s,
            "compression": compression,
            "dialect": rules.dialect.value,
            "wall_offset_s": wall_offset_s,
            "rules_path": rules.path,
            "rules": rules.text,
        }
        self._numbers: dict[Series, int] = {}
        self._values: dict[int, float] = {}
        self._new: list[Mapping[str, str]] = []
        self._changed: list[float] = []
        self._ended: list[int] = []
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._closed = False

    def begin(self, run_id: str, started: float, heard: float) -> None:
        """A drill begins: its zero on the clock, and from when it hears of alerts."""
        self._write({"drill": run_id, "started": started, "heard": heard})

    def scraped(self, found: Mapping[Series, float], ended: Iterable[Series]) -> None:
        """What a target answered in the round under way, and which of its series are gone."""
        values, numbers = self._values, self._numbers
        for series in ended:
            number = numbers.get(series, -1)
            if values.pop(number, None) is not None:
                self._ended.append(number)
        for series, value in found.items():
            number = numbers.get(series, -1)
            if number < 0:
                number = numbers[series] = len(numbers)
                self._new.append(dict(series.labels))
            if values.get(number) != value:
                values[number] = value
                self._changed += (number, value)

    def round(self, scraped_ms: int, evaluated: float) -> None:
        """Ends the round under way and writes it."""
        line: dict[str, object] = {"round": [scraped_ms, evaluated]}
        if self._new:
            line["series"] = self._new
        if self._changed:
            line["values"] = self._changed
        if self._ended:
            line["ended"] = self._ended
        self._write(line)
        self._new, self._changed, self._ended = [], [], []

    def close(self) -> bool:
        """Ends the file; what comes after it is dropped. False when it was ended before."""
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            if self._descriptor is not None:
                try:
                    if self.failure is None:
                        self._put(self._packer.flush(zlib.Z_FINISH))
                    os.close(self._descriptor)
                except OSError as error:
                    self.failure = self.failure or error
        return True

    def _write(self, line: Mapping[str, object]) -> None:
        with self._lock:
            if self._closed or self.failure is not None:
                return
            try:
                if self._descriptor is None:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                    self._descriptor = os.open(self.path, flags, 0o644)
                    self._put(self._packed(self._header))
                self._put(self._packed(line))
            except OSError as error:
                self.failure = error

    def _packed(self, line: Mapping[str, object]) -> bytes:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        packed = self._packer.compress(text.encode("utf-8", "surrogatepass"))
        return packed + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def _put(self, data: bytes) -> None:
        assert self._descriptor is not None
        if os.write(self._descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
