"""Runs a program that takes its cluster from the environment, as kubectl does."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def run_program(
    command: Sequence[str], *, kubeconfig: Path, scratch: Path, budget_s: float
) -> subprocess.CompletedProcess[bytes]:
    """Whatever its exit code; what it wrote is captured. kubectl's cache goes to `scratch`.

    Raises `subprocess.TimeoutExpired` and `OSError`.
    """
    return subprocess.run(
        command,
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=budget_s,
        check=False,
        start_new_session=True,  # Ctrl-C is for us to pass on in order
    )
