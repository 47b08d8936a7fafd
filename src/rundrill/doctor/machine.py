"""This machine: room for runs, the contexts of the kubeconfig, Prometheus's programs."""

import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from rundrill.doctor.check import Check
from rundrill.errors import RundrillError
from rundrill.responder import find_kubectl
from rundrill.session import FREE_BYTES

GROUP: Final = "this machine"
COMFORTABLE_BYTES: Final = 1024**3
PROGRAMS: Final = {
    "prometheus": "--detector prometheus or both",
    "promtool": "holding the rules against Prometheus by hand",
    "amtool": "asking an Alertmanager by hand",
}
"""What is used of each, where it is."""
_BUDGET_S: Final = 20.0


def checks(runs: Path, *, detector: str) -> Iterator[Check]:
    """`detector` is what `--detector` says."""
    yield _disk(runs)
    yield _contexts()
    wanted = {"prometheus"} if detector in ("prometheus", "both") else set()
    for name in PROGRAMS:
        yield judge_program(name, shutil.which(name), wanted)


def judge_disk(runs: Path, free_bytes: int) -> Check:
    seen = f"{free_bytes // 1024**2:,} MiB free for {runs}"
    fix = "make room, or name another folder with --runs"
    if free_bytes < FREE_BYTES:
        least = f"; no drill starts below {FREE_BYTES // 1024**2}"
        return Check(group=GROUP, name="disk", state="failed", seen=seen + least, fix=fix)
    if free_bytes < COMFORTABLE_BYTES:
        return Check(
            group=GROUP, name="disk", state="warning", seen=f"{seen}: few game days", fix=fix
        )
    return Check(group=GROUP, name="disk", state="ok", seen=seen)


def judge_contexts(names: Collection[str], current: str) -> Check:
    if not names:
        return Check(
            group=GROUP,
            name="contexts",
            state="ok",
            seen="the kubeconfig holds none: only --target local and kind",
        )
    if current:
        seen = f"{len(names)} in the kubeconfig, of which {current} is chosen"
    else:
        seen = f"{len(names)} in the kubeconfig, of which none is chosen"
    return Check(group=GROUP, name="contexts", state="ok", seen=seen)


def judge_program(name: str, path: str | None, wanted: Collection[str]) -> Check:
    if path is not None:
        return Check(group=GROUP, name=name, state="ok", seen=path)
    if name not in wanted:
        seen = f"not installed, and not asked for: only for {PROGRAMS[name]}"
        return Check(group=GROUP, name=name, state="ok", seen=seen)
    return Check(
        group=GROUP,
        name=name,
        state="failed",
        seen="not on PATH, and --detector needs it",
        fix=f"install {name} (Debian: apt-get install prometheus)",
    )


def _disk(runs: Path) -> Check:
    folder = runs.absolute()
    while not folder.exists():  # it is made when a drill starts
        folder = folder.parent
    try:
        return judge_disk(runs, shutil.disk_usage(folder).free)
    except OSError as error:
        return Check(
            group=GROUP,
            name="disk",
            state="not known",
            seen=f"{folder}: {error.strerror}",
            fix="name a folder that can be read with --runs",
        )


def _contexts() -> Check:
    fix = "see `kubectl config get-contexts`"
    try:
        kubectl = find_kubectl()
        told = [_config(kubectl, "get-contexts", "-o", "name"), _config(kubectl, "current-context")]
    except (RundrillError, OSError, subprocess.TimeoutExpired) as error:
        return Check(group=GROUP, name="contexts", state="not known", seen=str(error), fix=fix)
    names, current = told
    if names.returncode != 0:
        seen = names.stderr.strip() or "kubectl does not tell them"
        return Check(group=GROUP, name="contexts", state="not known", seen=seen, fix=fix)
    # Without a chosen one kubectl ends with an error, which is the answer.
    return judge_contexts(
        names.stdout.split(), current.stdout.strip() if current.returncode == 0 else ""
    )


def _config(kubectl: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(kubectl), "config", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_BUDGET_S,
        check=False,
        text=True,
        errors="replace",
    )
