"""A wheelhouse for a base image that reaches no package index: downloaded here, for its Python."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.errors import MachineError
from rundrill.images.docker import Docker

DOWNLOAD_BUDGET_S: Final = 600.0
OLDEST: Final = (3, 11)
_ASK: Final = (
    "import json, platform, sys; print(json.dumps({'version': sys.version_info[:3],"
    " 'machine': platform.machine(), 'libc': platform.libc_ver()}))"
)
# pip judges the markers of dependencies by the Python that it runs on, whatever --python-version
# says. A wheel too many does no harm: pip takes from a wheelhouse what is asked for.
_BY_MARKER: Final = ("async-timeout",)  # of redis, before Python 3.11.3


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePython:
    """The `python3` of a base image. `glibc_minor` is that of 2.x."""

    version: tuple[int, int, int]
    machine: str
    glibc_minor: int

    @property
    def pip_options(self) -> list[str]:
        """What makes pip choose wheels for it."""
        short = f"{self.version[0]}{self.version[1]}"
        return [
            "--only-binary=:all:",
            f"--python-version={'.'.join(map(str, self.version))}",
            "--implementation=cp",
            f"--abi=cp{short}",
            "--abi=abi3",
            "--abi=none",
            f"--platform=manylinux2014_{self.machine}",
            *(
                f"--platform=manylinux_2_{minor}_{self.machine}"
                for minor in range(self.glibc_minor, 16, -1)
            ),
        ]


def python_of(docker: Docker, base: str) -> BasePython:
    """Raises `MachineError` when the base has no Python that the service runs on."""
    told = docker.output(base, ["python3", "-c", _ASK])
    try:
        found = json.loads(told)
        major, minor, patch = found["version"]
        libc, version = found["libc"]
        glibc_minor = int(version.split(".")[1])
    except (ValueError, LookupError, TypeError) as error:
        raise MachineError(
            f"its python3 told nothing that can be understood: {told.strip()[:200]}",
            path=base,
            fix="name a base with glibc and Python 3.11 to 3.13",
        ) from error
    if (major, minor) < OLDEST or libc != "glibc":
        raise MachineError(
            f"its python3 is {major}.{minor}.{patch} on {libc}",
            path=base,
            fix="name a base with glibc and Python 3.11 to 3.13",
        )
    return BasePython(
        version=(major, minor, patch), machine=str(found["machine"]), glibc_minor=glibc_minor
    )


def download(requirements: Path, folder: Path, python: BasePython) -> None:
    """Fills `folder` with the wheels of `requirements`, by this Python's pip and its index.

    Raises `MachineError`.
    """
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        *python.pip_options,
        f"--requirement={requirements}", f"--dest={folder}", *_BY_MARKER,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DOWNLOAD_BUDGET_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(
            f"the wheels were not downloaded in {DOWNLOAD_BUDGET_S:g} s", path=requirements
        ) from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        errors = [line for line in lines if "ERROR" in line] or lines[-2:]
        raise MachineError(
            f"the wheels could not be downloaded: {' | '.join(errors)[-1000:]}",
            path=requirements,
            fix="see that `pip download` reaches a package index; an environment made by uv"
            " needs pip installed",
        )
