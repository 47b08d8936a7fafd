"""The one module of this package that opens a file."""

from pathlib import Path

from rundrill.claims import Runbook
from rundrill.errors import RunbookError
from rundrill.runbook.parser import parse


def load(path: Path) -> Runbook:
    """Reads the runbook at `path`. Raises `RunbookError`."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise RunbookError(
            f"the runbook cannot be read: {problem.strerror}",
            path=path,
            fix="name a Markdown file that exists and that you may read",
        ) from problem
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise RunbookError(
            f"the runbook is not UTF-8 text (byte 0x{data[problem.start]:02x})",
            path=path,
            line=data.count(b"\n", 0, problem.start) + 1,
            column=len(data[data.rfind(b"\n", 0, problem.start) + 1 : problem.start].decode()) + 1,
            fix="save it as UTF-8",
        ) from problem
    if not text.strip("\ufeff \t\r\n\f\v"):
        raise RunbookError("the runbook is empty", path=path, fix="write it in Markdown")
    return parse(text, str(path))
