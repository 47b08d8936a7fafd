"""The `prometheus` of this machine: found on PATH, and asked for its version."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.detection.promql import Dialect
from rundrill.errors import MachineError

_VERSION: Final = re.compile(r"prometheus, version ((\d+)\.[^\s+]*)")
_BUDGET_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """Where it is, and its version, such as `2.42.0`."""

    path: Path
    version: str

    @property
    def dialect(self) -> Dialect:
        return dialect_of(self.version)


def dialect_of(version: str) -> Dialect:
    """Which of the two generations of PromQL a version evaluates."""
    return Dialect.PROMETHEUS_2 if version.startswith(("0.", "1.", "2.")) else Dialect.PROMETHEUS_3


def find_program(name: str = "prometheus") -> Program:
    """Raises `MachineError` when there is none on PATH, or it is none."""
    found = shutil.which(name)
    if found is None:
        raise MachineError(
            "there is no `prometheus` on PATH",
            fix="install it (Debian: apt-get install prometheus), or leave out --detector",
        )
    try:
        done = subprocess.run(
            [found, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BUDGET_S,
            check=False,
            text=True,
            errors="replace",
        )
        told = done.stdout + done.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        told = str(error)
    version = _VERSION.search(told)
    if version is None:
        raise MachineError(
            f"does not tell a version of Prometheus: {told.strip()[:200]}",
            path=found,
            fix="put a real prometheus before it on PATH, or leave out --detector",
        )
    return Program(Path(found), version.group(1))
