"""The log files of one container's runs: the latest and the one before are kept, as on a node."""

from pathlib import Path

from localcluster.runtime.logs import LogFile, older


class RunLogs:
    """`current` is the latest run's, open while it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0
        self.current: LogFile | None = None

    def begin(self) -> LogFile:
        """A new run; raises `OSError`."""
        self._runs += 1
        stale = self._file(self._runs - 2)
        stale.unlink(missing_ok=True)
        older(stale).unlink(missing_ok=True)
        self.current = LogFile(self._file(self._runs))
        return self.current

    def path(self, *, previous: bool = False) -> Path | None:
        """Of the latest run, or of the one before; None when there was none."""
        number = self._runs - (1 if previous else 0)
        path = self._file(number)
        return path if number >= 1 and path.exists() else None

    async def end(self, drain_s: float) -> None:
        """What the run wrote last may still be in a pipe."""
        if self.current is not None:
            await self.current.drained(drain_s)
            self.current.close()

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.log"
