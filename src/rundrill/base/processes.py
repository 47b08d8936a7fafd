"""Starting programs so that they cannot outlive us, and ending them for certain."""

import os
import signal
import subprocess
from contextlib import suppress

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until


def end(process: subprocess.Popen[bytes], *, grace_s: float, clock: Clock) -> int:
    """SIGTERM to the process group of `process`, then SIGKILL; gives its exit code.

    The process must lead its own group (`start_new_session=True`).
    """
    for number, budget_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        with suppress(WaitTimeoutError):
            until(
                lambda: process.poll() is not None,
                what="the process to end",
                budget_s=budget_s,
                every_s=0.02,
                clock=clock,
            )
            break
    # What the leader left behind in its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
