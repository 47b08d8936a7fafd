"""Versions: of Python and what rundrill is made of, kubectl, the API server, its kubelets."""

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rundrill.doctor.check import Check, attempted
from rundrill.errors import RundrillError
from rundrill.images.docker import Docker
from rundrill.responder import find_kubectl
from rundrill.target.cluster import Cluster

GROUP: Final = "versions"
OLDEST_SERVER: Final = (1, 20)
"""The oldest that drills were run on."""
KUBECTL_SKEW: Final = 1
KUBELET_SKEW: Final = 3
"""Minor versions, by Kubernetes' version skew policy: kubectl either way, a kubelet older only."""
PYTHONS: Final = ((3, 11), (3, 14))
"""As `requires-python` has it: from, and below."""
_REQUIREMENT: Final = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?$"
)
_BUDGET_S: Final = 20.0


def of_machine() -> Iterator[Check]:
    """What needs no cluster but kubectl."""
    yield judge_python(sys.version_info[:3])
    requires = importlib.metadata.requires("rundrill") or []
    yield from judge_dependencies(requires, _installed(requires))


def of_kubectl(server: str) -> Iterator[Check]:
    """`server` is the version of the API server; "" when it did not tell it."""
    try:
        kubectl = find_kubectl()
        client = _kubectl_version(kubectl)
    except RundrillError as error:
        yield Check(
            group=GROUP,
            name="kubectl",
            state="failed",
            seen=str(error.problem),
            fix=error.fix or "name one that works in RUNDRILL_KUBECTL",
        )
        return
    yield judge_kubectl(client, server, kubectl)


def of_cluster(cluster: Cluster, server: str) -> Iterator[Check]:
    yield judge_server(server)
    yield from attempted(
        GROUP,
        "kubelets",
        lambda: [judge_kubelets(server, cluster.get("/api/v1/nodes")["items"])],
        fix="see `kubectl get nodes`; the account needs `list nodes`",
    )


def of_kind() -> Iterator[Check]:
    """Docker and kind themselves."""
    try:
        Docker().require_answer()
        yield Check(group=GROUP, name="Docker", state="ok", seen="its daemon answers")
    except RundrillError as error:
        yield Check(
            group=GROUP,
            name="Docker",
            state="failed",
            seen=error.problem,
            fix=error.fix or "see `docker version`",
        )
    yield judge_program("kind", *_told(["kind", "version"]))


def judge_python(version: Sequence[int]) -> Check:
    told = ".".join(map(str, version))
    low, high = PYTHONS
    if low <= tuple(version[:2]) < high:
        return Check(group=GROUP, name="Python", state="ok", seen=told)
    return Check(
        group=GROUP,
        name="Python",
        state="failed",
        seen=f"{told}: rundrill needs 3.11 to 3.13",
        fix="make the environment with one of those",
    )


def judge_dependencies(
    requires: Iterable[str], installed: Mapping[str, str | None]
) -> Iterator[Check]:
    """`requires` as the package's metadata have them; those of development do not count."""
    fitting = 0
    for name, wanted in wanted_of(requires):
        found = installed.get(name)
        if found is not None and fits(found, wanted):
            fitting += 1
            continue
        seen = "is not installed" if found is None else f"{found} is installed"
        yield Check(
            group=GROUP,
            name=name,
            state="failed",
            seen=f"{seen}; rundrill needs {wanted or 'it'}",
            fix="pip install 'rundrill[local]' in an environment of its own",
        )
    if fitting:
        yield Check(
            group=GROUP, name="packages", state="ok", seen=f"{fitting} are as rundrill needs them"
        )


def wanted_of(requires: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and versions of what a drill uses: its own, and those of the extra `local`."""
    for line in requires:
        found = _REQUIREMENT.match(line)
        marker = (found.group(3) or "") if found else ""
        if found and ("extra" not in marker or re.search(r"extra\s*==\s*['\"]local['\"]", marker)):
            yield found.group(1), found.group(2).strip()


def fits(version: str, wanted: str) -> bool:
    """Whether a release satisfies `>=1.19,<2` or `==1.37.*`, as far as numbers tell."""
    at = _numbers(version)
    for one in filter(None, (part.strip() for part in wanted.split(","))):
        found = re.match(r"(>=|<=|==|!=|~=|<|>)\s*([0-9.]+)(\*?)", one)
        if found is None:
            return False
        bound = _numbers(found.group(2))
        width = max(len(at), len(bound))
        left, right = at + (0,) * (width - len(at)), bound + (0,) * (width - len(bound))
        is_same = at[: len(bound)] == bound if found.group(3) else left == right
        if not {
            ">=": left >= right,
            "<=": left <= right,
            "<": left < right,
            ">": left > right,
            "==": is_same,
            "!=": not is_same,
            "~=": left >= right and at[: len(bound) - 1] == bound[:-1],
        }[found.group(1)]:
            return False
    return True


def judge_server(version: str) -> Check:
    at = minor_of(version)
    if at is None:
        return Check(
            group=GROUP,
            name="Kubernetes",
            state="not known",
            seen=f"the API server calls its version {version!r}",
            fix="see `kubectl version`; drills were run on 1.20 and later",
        )
    if at < OLDEST_SERVER:
        return Check(
            group=GROUP,
            name="Kubernetes",
            state="failed",
            seen=f"{version}: drills need 1.20 or later",
            fix="use a cluster that is newer",
        )
    return Check(group=GROUP, name="Kubernetes", state="ok", seen=version)


def judge_kubectl(client: str, server: str, path: Path) -> Check:
    mine, theirs = minor_of(client), minor_of(server)
    seen = f"{client} ({path})"
    if mine is None or theirs is None:
        return Check(
            group=GROUP,
            name="kubectl",
            state="not known",
            seen=f"{seen}; its distance from the API server is not known",
            fix="see `kubectl version`, which asks both",
        )
    apart = abs(mine[1] - theirs[1]) if mine[0] == theirs[0] else KUBECTL_SKEW + 1
    if apart <= KUBECTL_SKEW:
        return Check(group=GROUP, name="kubectl", state="ok", seen=f"{seen}, server {server}")
    return Check(
        group=GROUP,
        name="kubectl",
        state="warning",
        seen=f"{seen} is {apart} minor versions from the server's {server}; Kubernetes supports"
        f" {KUBECTL_SKEW}",
        fix=f"name a kubectl {theirs[0]}.{theirs[1]} in RUNDRILL_KUBECTL: what the responders use",
    )


def judge_kubelets(server: str, nodes: Sequence[Mapping[str, Any]]) -> Check:
    """Of nodes as the API lists them."""
    versions = {
        node["metadata"]["name"]: str(node["status"]["nodeInfo"]["kubeletVersion"])
        for node in nodes
    }
    at = minor_of(server)
    told = ", ".join(dict.fromkeys(versions.values()))
    fix = "see the version skew policy of Kubernetes, and `kubectl get nodes`"
    if not versions or at is None:
        return Check(
            group=GROUP,
            name="kubelets",
            state="not known",
            seen=f"{len(versions)} nodes: {told or 'no version'}",
            fix=fix,
        )
    wrong = [
        f"{name} {version}"
        for name, version in versions.items()
        if (one := minor_of(version)) is None
        or one[0] != at[0]
        or not 0 <= at[1] - one[1] <= KUBELET_SKEW
    ]
    if wrong:
        return Check(
            group=GROUP,
            name="kubelets",
            state="warning",
            seen=f"{', '.join(wrong)} beside a server {server}",
            fix=fix,
        )
    nodes_told = "1 node" if len(versions) == 1 else f"{len(versions)} nodes"
    return Check(group=GROUP, name="kubelets", state="ok", seen=f"{nodes_told}: {told}")


def judge_program(name: str, code: int | None, told: str) -> Check:
    """`code` is that of asking for its version; None when there is no such program."""
    first = next((line.strip() for line in told.splitlines() if line.strip()), "it says nothing")
    if code == 0:
        return Check(group=GROUP, name=name, state="ok", seen=first)
    seen = "is not installed" if code is None else f"does not tell its version: {first}"
    return Check(
        group=GROUP,
        name=name,
        state="failed",
        seen=seen,
        fix=f"install {name}, or use --target local",
    )


def minor_of(version: str) -> tuple[int, int] | None:
    """ "v1.20.15+k3s1" is (1, 20)."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return None if found is None else (int(found[1]), int(found[2]))


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return () if found is None else tuple(int(part) for part in found[0].split("."))


def _installed(requires: Iterable[str]) -> Mapping[str, str | None]:
    found: dict[str, str | None] = {}
    for name, _ in wanted_of(requires):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _kubectl_version(kubectl: Path) -> str:
    code, told = _told([str(kubectl), "version", "--client", "--output=json"])
    try:
        return str(json.loads(told)["clientVersion"]["gitVersion"]) if code == 0 else ""
    except (ValueError, LookupError, TypeError):
        return ""


def _told(command: Sequence[str]) -> tuple[int | None, str]:
    """Exit code and what was written; no exit code where there is no such program."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BUDGET_S,
            check=False,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        return None, ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stdout or done.stderr
