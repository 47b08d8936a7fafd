"""Run as a program, never imported: `leash.py PARENT PROGRAM ARGUMENT...`.

Becomes PROGRAM by exec, after asking the kernel to kill it when its parent dies: a runner that
is killed must not leave a `port-forward` behind. A child made by `fork` alone cannot ask safely
in a process with threads. Where the kernel cannot do that (macOS), it only becomes PROGRAM.
"""

import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
SIGKILL = 9


def main() -> None:
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - its 10 ms only where it is of use

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(SIGKILL)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - the point of this program
    except OSError as problem:
        sys.stderr.write(f"{argv[0]}: {problem.strerror}\n")
        sys.stderr.flush()
        os._exit(126)


if __name__ == "__main__":
    main()
