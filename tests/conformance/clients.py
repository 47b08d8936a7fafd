"""The kubectls of this machine, one of each release."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from transcript import Kubectl


def find_kubectls() -> list[Kubectl]:
    """`$KUBECTL` alone when it is set; else the one beside this Python, then that on `PATH`."""
    if named := os.environ.get("KUBECTL"):
        return [Kubectl(Path(named), release_of(Path(named)))]
    beside = Path(sys.executable).with_name("kubectl")
    on_path = shutil.which("kubectl")
    found: dict[str, Kubectl] = {}
    for path in (beside, *([Path(on_path)] if on_path else [])):
        if path.exists():
            release = release_of(path)
            found.setdefault(release, Kubectl(path, release))
    return list(found.values())


def release_of(path: Path) -> str:
    """`1.37`. Raises `CalledProcessError` when it does not run."""
    done = subprocess.run(
        [path, "version", "--client", "--output=json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    version = json.loads(done.stdout)["clientVersion"]
    return f"{version['major']}.{version['minor'].rstrip('+')}"
