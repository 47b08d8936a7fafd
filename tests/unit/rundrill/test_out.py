"""A reader that goes away stops the telling, and not the exit code."""

import subprocess
import sys
from pathlib import Path

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
