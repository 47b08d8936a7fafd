"""What containerd and runc say about a program that cannot be executed. Pure."""

from typing import Final

START_ERROR_EXIT: Final = 128
# A container that never started has no start; the runtime reports its clock's zero.
NEVER_STARTED: Final = "1970-01-01T00:00:00Z"
_CREATE: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed:"
    " runc create failed: unable to start container process: error during container init: "
)
_WORDS: Final = {
    2: "no such file or directory",
    8: "exec format error",
    13: "permission denied",
    20: "not a directory",
}


def start_refused(program: str, error: OSError) -> str:
    """Why a container did not start."""
    return f"{_CREATE}{_why(program, error)}: unknown"


def exec_refused(program: str, error: OSError, exec_id: str) -> str:
    """Why a command could not be executed in a running container."""
    return (
        f'failed to exec in container: failed to start exec "{exec_id}": OCI runtime exec failed:'
        f" exec failed: unable to start container process: {_why(program, error)}: unknown"
    )


def _why(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH'
    words = _WORDS.get(error.errno or 0) or error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return f'exec: "{program}": stat {program}: {words}'
    return f'exec: "{program}": {words}'
