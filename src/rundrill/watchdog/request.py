"""How `rundrill abort` finds the watchdog of a workplace and asks it: by files in its folder.

A file is there for whoever looks, however busy he is, and the same twice as once.
"""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from rundrill.watchdog.wire import Begin
from rundrill.workplace import WATCHDOG

_RUN = "run.json"
_ABORT = "abort"


def open_at(home: Path) -> None:
    """From now on it may be asked. Raises `OSError`."""
    folder = home / WATCHDOG
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write(folder, "null")


def tell_run(home: Path, begin: Begin) -> None:
    _write(home / WATCHDOG, json.dumps(asdict(replace(begin, placeholders={}))))


def close_at(home: Path) -> None:
    shutil.rmtree(home / WATCHDOG, ignore_errors=True)


def is_open(home: Path) -> bool:
    return (home / WATCHDOG / _RUN).exists()


def run_at(home: Path) -> Begin | None:
    """The drill that is watched now, or was last; None before the first and after the end."""
    try:
        data = json.loads((home / WATCHDOG / _RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if data is None else Begin(**data)


def ask(home: Path) -> None:
    """Raises `OSError`, also when there is nobody to ask any more."""
    (home / WATCHDOG / _ABORT).touch()


def asked(home: Path) -> str | None:
    """Why the drill is to be aborted, when somebody has asked for it."""
    return "somebody called `rundrill abort`" if (home / WATCHDOG / _ABORT).exists() else None


def _write(folder: Path, text: str) -> None:
    """Whole or not at all: it is read at any moment."""
    partial = folder / f"{_RUN}.partial"
    partial.write_text(text, encoding="utf-8")
    partial.rename(folder / _RUN)
