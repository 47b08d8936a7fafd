"""`make drill` from a copy of the tracked files, with nothing set up, as an unprivileged user."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e

TOP = Path(__file__).parents[2]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


def usable(python: str) -> bool:
    """Whether it is a supported Python that can make virtual environments."""
    check = "import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    try:
        return subprocess.run([python, "-c", check], check=False).returncode == 0
    except OSError:
        return False


def processes_of(home: Path) -> list[str]:
    """What runs there. Not by user: other clusters of root also run their databases as nobody."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        try:
            line = " ".join(process.info["cmdline"] or [])
            places = (line, process.cwd(), process.environ().get("HOME", ""))
        except psutil.Error:
            continue
        if any(str(home) in place for place in places):
            found.append(f"{process.pid} {line[:150]}")
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not usable(SYSTEM_PYTHON), reason=f"{SYSTEM_PYTHON} is no Python 3.11 to 3.13")
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_unprivileged_user_runs_make_drill_from_a_fresh_copy() -> None:
    tracked = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "-z"],
        cwd=TOP, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    # Not under pytest's own folders: each new pytest of this user closes those to all others.
    home = Path(tempfile.mkdtemp(prefix="rundrill-fresh-"))
    clone = home / "clone"
    for name in filter(None, map(os.fsdecode, tracked)):
        if (TOP / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, clone / name)
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)

    try:
        done = subprocess.run(
            ["make", "drill", f"PYTHON={SYSTEM_PYTHON}", "EXPERIMENTS=experiments/crash-loop.yaml"],
            cwd=clone,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=540,
            check=False,
        )
        print(done.stdout[-6000:], done.stderr[-2000:])
        assert done.returncode == 0
        assert "HELD" in done.stdout
        assert processes_of(home) == []
        assert not (clone / ".rundrill").exists()
        assert {path.name for path in home.iterdir()} <= {"clone", ".cache", ".config"}
    finally:
        shutil.rmtree(home)  # a virtual environment weighs 400 MB
