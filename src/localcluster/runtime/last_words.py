"""A container's termination message: what it wrote for it, or the end of its log."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from localcluster.runtime.logs import read_lines

# The kubelet's own bounds.
_LONGEST_MESSAGE: Final = 4096
_LONGEST_FROM_LOG: Final = 2048
_LINES_FROM_LOG: Final = 80


class LastWords:
    """Of one container. `file` stands for its `terminationMessagePath`."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self.path: str = spec.get("terminationMessagePath") or "/dev/termination-log"
        self.file = folder / "termination-log"
        self._from_log = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"

    def expect(self) -> None:
        """A run begins: the file is there and empty. Raises `OSError`."""
        self.file.write_bytes(b"")

    def read(self, code: int, log: Path | None) -> str:
        """The message of a run that ended with `code`; empty when it left none."""
        message = self._written()
        if message or code == 0 or not self._from_log or log is None:
            return message
        lines = list(read_lines(log))[-_LINES_FROM_LOG:]
        text = b"".join(line.split(b" ", 3)[-1] for line in lines)
        return text[-_LONGEST_FROM_LOG:].decode(errors="replace")

    def _written(self) -> str:
        with contextlib.suppress(OSError), self.file.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LONGEST_MESSAGE))
            return file.read(_LONGEST_MESSAGE).decode(errors="replace")
        return ""
