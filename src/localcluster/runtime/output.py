"""What a short command prints, collected while it runs."""

import asyncio
import os
from typing import Final

# As much as a kubelet reads of a probe's output.
_LONGEST: Final = 10 * 1024
_READ: Final = 64 * 1024


class Collected:
    """Reads a pipe to its end, so that its writer never waits; keeps the first 10 KiB."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._kept = bytearray()
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def text(self) -> str:
        """Everything until now; what is still in the pipe is read first."""
        while self._read():
            pass
        return self._kept.decode(errors="replace")

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> bool:
        if self._fd < 0:
            return False
        try:
            data = os.read(self._fd, _READ)
        except OSError:
            return False
        if not data:
            # Its end stays readable for ever.
            self.close()
            return False
        self._kept += data[: _LONGEST - len(self._kept)]
        return True
