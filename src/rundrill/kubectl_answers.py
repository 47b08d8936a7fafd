"""Asks the installed kubectl whether it accepts a command. Nothing is carried out.

Twice. First with `--help=true` behind the verb, where no flag can swallow it: kubectl parses every
word and flag as it would, says what it does not accept, and prints its help instead of doing
anything. Then, of verbs that only ever talk to a server, against a port where nobody listens: what
is missing (a name, `--replicas`) is told before it connects.

It is run without a kubeconfig and without a `PATH`, so that it reaches no cluster and no plugin.
"""

import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.errors import TargetError
from rundrill.lint.calls import OPEN
from rundrill.runbook.kubectl import Invocation, read_invocation

FILLING: Final = "1"
"""Stands for what is not known: a name, a number, and no duration."""
SERVER_VERBS: Final = frozenset(
    {"get", "describe", "delete", "scale", "exec", "logs", "label", "annotate", "patch", "cordon",
     "uncordon", "drain", "taint", "top pod", "top pods", "top node", "top nodes", "autoscale",
     "expose", "port-forward", "edit", "rollout history", "rollout pause", "rollout restart",
     "rollout resume", "rollout status", "rollout undo"}
)  # fmt: skip
"""What does nothing without a server."""
_ELSEWHERE: Final = frozenset(
    {"server", "kubeconfig", "context", "cluster", "proxy-url", "filename", "kustomize",
     "patch-file", "raw", "cache-dir", "kuberc", "profile", "profile-output", "log-file"}
)  # fmt: skip
"""Flags with which it would go to another server, or read or write a file."""
_USAGE: Final = re.compile(r"^Usage:\n\s+kubectl (.*)$", re.MULTILINE)
_CONNECTING: Final = re.compile(
    r"refused|unable to connect|couldn't get|connection|no route|timed? ?out|EOF", re.IGNORECASE
)
_BUDGET_S: Final = 30
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    kubectl: Path
    home: str
    nobody: str
    """The address of a port that is taken and not listened on."""

    def run(self, words: Iterable[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [str(self.kubectl.absolute()), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_BUDGET_S,
                check=False,
                cwd=self.home,
                env={
                    "HOME": self.home,
                    "PATH": self.home,
                    "KUBECONFIG": os.devnull,
                    "KUBERC": "off",
                    "KUBE_EDITOR": "false",
                },
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise TargetError(f"kubectl cannot be asked: {problem}", path=self.kubectl) from problem


def ask(kubectl: Path, commands: Iterable[tuple[str, ...]]) -> Mapping[tuple[str, ...], str | None]:
    """Maps the words after `kubectl` to what it has against them, or None.

    Raises `TargetError` when kubectl cannot be run.
    """
    asked = list(dict.fromkeys(commands))
    with (
        tempfile.TemporaryDirectory() as home,
        socket.socket() as nobody,
        ThreadPoolExecutor(max_workers=_AT_ONCE) as pool,
    ):
        nobody.bind(("127.0.0.1", 0))
        with_it = _Asked(
            kubectl=kubectl, home=home, nobody=f"http://127.0.0.1:{nobody.getsockname()[1]}"
        )
        answers = pool.map(lambda words: _ask(with_it, words), asked)
        return dict(zip(asked, answers, strict=True))


def _ask(asked: _Asked, words: tuple[str, ...]) -> str | None:
    filled = [word.replace(OPEN, FILLING) for word in words]
    invocation = read_invocation(filled)
    if not invocation.verb or OPEN in words[filled.index(verb := invocation.verb.split()[0])]:
        return None
    at = filled.index(verb) + 1
    answer = asked.run([*filled[:at], "--help=true", *filled[at:]])
    if answer.returncode != 0:
        said = _said(answer.stderr) or "it says nothing more"
        # What is wrong with the filling says nothing of the command.
        return None if OPEN in "".join(words) and f'"{FILLING}"' in said else said
    usage = _USAGE.search(answer.stdout)
    if usage is not None and (wrong := _not_a_subcommand(usage[1], invocation)) is not None:
        return wrong
    return None if OPEN in "".join(words) else _missing(asked, filled, invocation)


def _missing(asked: _Asked, words: list[str], invocation: Invocation) -> str | None:
    """What it asks for before it connects."""
    if invocation.verb not in SERVER_VERBS or _ELSEWHERE & set(invocation.flags):
        return None
    answer = asked.run([f"--server={asked.nobody}", "--request-timeout=5s", *words])
    said = _said(answer.stderr)
    if answer.returncode == 0 or not said or _CONNECTING.search(said):
        return None
    return said


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
    """The line with the error, without its dot; wrappers around kubectl print more."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = next((line for line in lines if line.lower().startswith("error:")), "")
    return said[len("error:") :].strip().rstrip(".")
