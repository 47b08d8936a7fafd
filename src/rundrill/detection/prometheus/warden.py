"""Runs a program in a folder for as long as standard input is open, then removes the folder.

    python -I warden.py FOLDER PROGRAM [ARGUMENT...]

Standard input is a lifeline: the kernel closes it when the runner dies, however it dies. Only the
standard library, since it must start at once. Its exit code is the program's.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

GRACE_S = 5.0


def main() -> int:
    """Ends when the program does, or the lifeline, or at SIGTERM."""
    folder, *command = sys.argv[1:]
    wake, woken = os.pipe()

    def stop(_number: int, _frame: FrameType | None) -> None:
        os.write(woken, b"!")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, stop)
    code = 127
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=folder)
        select.select([sys.stdin, wake], [], [])
        child.terminate()  # nothing when it has ended
        try:
            code = child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
