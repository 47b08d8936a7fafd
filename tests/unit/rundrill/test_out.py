"""A reader that goes away stops the telling, and not the exit code; files that are named."""

import subprocess
import sys
from pathlib import Path

import pytest

from rundrill.base import out
from rundrill.errors import MachineError

ROOT = Path(__file__).parents[3]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m rundrill lint runbooks/payment-service/runbook.md --format json"
    answer = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (1, "")
    assert answer.stdout == "{\n"


def test_a_file_is_written_with_the_same_bytes_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("what was there before, and longer")
    out.write_file(path, "Größe\n")
    assert path.read_bytes() == "Größe\n".encode()


def test_a_file_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no/page.html"):
        with pytest.raises(MachineError, match="cannot be written: ") as refused:
            out.write_file(path, "x")
        assert str(path) in str(refused.value)
        assert "fix: name another file" in str(refused.value)
