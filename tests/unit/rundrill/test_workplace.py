"""One runner at a time, and nothing left of a killed one."""

import subprocess
import sys
from pathlib import Path

import pytest

from rundrill.errors import MachineError
from rundrill.workplace import Workplace

HOLD = """
import sys
from pathlib import Path
from rundrill.workplace import Workplace
with Workplace(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_runner_is_told_until_the_first_is_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MachineError, match="another drill is running"), Workplace(home).lock():
            pass
        assert home.exists()
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    with Workplace(home).lock():
        pass
    assert not home.exists()


def test_what_a_killed_runner_left_in_the_scratch_folder_goes(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "home")
    place.scratch.mkdir(parents=True)
    (place.scratch / "ca").write_text("x", encoding="utf-8")
    with place.lock():
        assert not place.scratch.exists()


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(MachineError, match="RUNDRILL_HOME"),
        Workplace(tmp_path / "file" / "home").lock(),
    ):
        pass
