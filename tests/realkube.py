"""The real cluster of `$REALKUBE`, for the tests that can be held against one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("REALKUBE", Path(__file__).parents[2] / "shared" / "realkube"))


@contextmanager
def running(scratch: Path) -> Iterator[Path]:
    """Its kubeconfig; it is taken down afterwards unless it was up before."""
    if not (FOLDER / "up.sh").exists():
        pytest.skip(f"no real cluster in {FOLDER}: set REALKUBE")
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        pytest.skip("the real cluster needs root on Debian")
    told = scratch / "up.txt"
    # To a file and not through a pipe, which what is started might hold open.
    with told.open("w") as log:
        done = subprocess.run(
            [FOLDER / "up.sh"], stdout=subprocess.PIPE, stderr=log, text=True, check=False
        )
    assert done.returncode == 0, told.read_text()
    try:
        yield Path(done.stdout.strip())
    finally:
        if "already up" not in told.read_text():
            subprocess.run([FOLDER / "down.sh"], check=True)
