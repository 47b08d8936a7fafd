"""Asks the installed kubectl whether it accepts a command. Nothing is carried out.

`--help=true` goes behind the verb, where no flag can swallow it: kubectl then parses every word and
flag as it would, says what it does not accept, and prints its help instead of doing anything. It is
run without a kubeconfig and without a `PATH`, so that it reaches no cluster and finds no plugin.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from rundrill.errors import TargetError
from rundrill.lint.calls import OPEN
from rundrill.runbook.kubectl import Invocation, read_invocation

FILLING: Final = "1"
"""Stands for what is not known: a name, a number, and no duration."""
_USAGE = re.compile(r"^Usage:\n\s+kubectl (.*)$", re.MULTILINE)
_BUDGET_S: Final = 30
_AT_ONCE: Final = 2


def ask(kubectl: Path, commands: Iterable[tuple[str, ...]]) -> Mapping[tuple[str, ...], str | None]:
    """Maps the words after `kubectl` to what it has against them, or None.

    Raises `TargetError` when kubectl cannot be run.
    """
    asked = list(dict.fromkeys(commands))
    with (
        tempfile.TemporaryDirectory() as home,
        ThreadPoolExecutor(max_workers=_AT_ONCE) as pool,
    ):
        answers = pool.map(lambda words: _ask(kubectl, words, home), asked)
        return dict(zip(asked, answers, strict=True))


def _ask(kubectl: Path, words: tuple[str, ...], home: str) -> str | None:
    filled = [word.replace(OPEN, FILLING) for word in words]
    invocation = read_invocation(filled)
    if not invocation.verb or OPEN in words[filled.index(verb := invocation.verb.split()[0])]:
        return None
    at = filled.index(verb) + 1
    try:
        answer = subprocess.run(
            [str(kubectl.absolute()), *filled[:at], "--help=true", *filled[at:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BUDGET_S,
            check=False,
            cwd=home,
            env={"HOME": home, "PATH": home, "KUBECONFIG": os.devnull, "KUBERC": "off"},
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise TargetError(f"kubectl cannot be asked: {problem}", path=kubectl) from problem
    if answer.returncode != 0:
        said = _said(answer.stderr)
        # What is wrong with the filling says nothing of the command.
        return None if OPEN in "".join(words) and f'"{FILLING}"' in said else said
    usage = _USAGE.search(answer.stdout)
    return None if usage is None else _not_a_subcommand(usage[1], invocation)


def _not_a_subcommand(usage: str, invocation: Invocation) -> str | None:
    """A group answers with its own help where the second word is none of its commands."""
    group, is_group, _ = usage.partition(" SUBCOMMAND")
    said = [*invocation.verb.split()[1:], *invocation.arguments]
    if is_group:
        return f"`kubectl {group}` has no subcommand `{said[0]}`" if said else None
    if usage.startswith("create -f") and said and "filename" not in invocation.flags:
        return f"`kubectl create` has no subcommand `{said[0]}`"
    return None


def _said(stderr: str) -> str:
    """The line with the error; wrappers around kubectl print more."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = next(
        (line for line in lines if line.lower().startswith("error:")), "error: it is refused"
    )
    return said[len("error:") :].strip()
