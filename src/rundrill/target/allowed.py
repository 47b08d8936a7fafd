"""May drills run on this cluster of somebody's, and now? Pure: what is asked about is passed.

A context is refused unless service.yaml names it, and one that looks like production unless its
name was said once more. Not by namespaces: a staging cluster may well have one called `production`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rundrill.base.document import nearest
from rundrill.errors import TargetError
from rundrill.plan.contexts import AllowedContext
from rundrill.target.production import looks_like_production

SURE: Final = "--yes-i-am-sure"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextIdentity:
    """How a context of a kubeconfig calls itself; `server` is a URL."""

    name: str
    cluster: str = ""
    server: str = ""
    user: str = ""


def identity_of(config: object, name: str) -> ContextIdentity:
    """Context `name` of a kubeconfig, as YAML or JSON made of it. What is missing is empty."""
    context = _named(config, "contexts", name, "context")
    cluster, user = str(context.get("cluster") or ""), str(context.get("user") or "")
    server = _named(config, "clusters", cluster, "cluster").get("server") or ""
    return ContextIdentity(name=name, cluster=cluster, server=str(server), user=user)


def require_named(
    name: str, contexts: Sequence[AllowedContext], *, service: Path
) -> AllowedContext:
    """The entry of service.yaml. Raises `TargetError` when there is none."""
    for allowed in contexts:
        if allowed.name == name:
            return allowed
    names = [allowed.name for allowed in contexts]
    add = f"if drills may break what runs there, add `- name: {name}` under `contexts`"
    raise TargetError(
        f"the context {name!r} is not one that drills of this service may run on",
        path=service,
        fix=f"{nearest(name, names)}; {add}" if names else add,
    )


def require_sure(identity: ContextIdentity, *, sure: str | None) -> None:
    """Raises `TargetError` when it looks like production and `sure` is not its very name.

    A `sure` of another name is always refused: whoever says it means another cluster.
    """
    name = identity.name
    if sure is not None and sure != name:
        raise TargetError(
            f"{SURE} says {sure!r}, and the context is {name!r}",
            fix="see which of the two you mean; nothing was started",
        )
    found = [
        f"{what} {value!r} has {part!r}"
        for what, value, part in (
            (what, value, looks_like_production(value)) for what, value in _told(identity)
        )
        if part is not None
    ]
    if found and sure is None:
        raise TargetError(
            f"the context {name!r} looks like production: {', '.join(found)}",
            fix=f"drills break what they run on; if that is meant: {SURE} {name}",
        )


def require_no_blackout(
    allowed: AllowedContext, *, now: datetime, lasts_s: float, service: Path
) -> None:
    """Raises `TargetError` when a blackout is on, or begins before the drills must be over.

    `now` is wall time with a zone; `lasts_s` is `longest_s` of all their plans.
    """
    for window in allowed.blackout:
        met = window.reached(now, lasts_s)
        if met is None:
            continue
        begin, end = met
        why = f" ({window.why})" if window.why else ""
        when = f"{window.text}{why}: {_local(begin)} to {_local(end)}"
        if begin <= now:
            problem, fix = "no drill may run now", f"run it after {_local(end)}"
        else:
            left_min = (begin - now).total_seconds() / 60
            problem = (
                f"no drill that can take {lasts_s / 60:.0f} minutes may begin now, since a blackout"
                f" begins in {left_min:.0f}"
            )
            fix = f"run it after {_local(end)}, or fewer drills at once"
        raise TargetError(
            f"{problem} on {allowed.name!r}: {when}", path=service, line=window.line, fix=fix
        )


def _told(identity: ContextIdentity) -> Sequence[tuple[str, str]]:
    return (
        ("its name", identity.name),
        ("its cluster", identity.cluster),
        ("its server", _place(identity.server)),
        ("its user", identity.user),
    )


def _place(server: str) -> str:
    """Host and path of a URL, without the last part of the host: `.pro` and `.live` end domains."""
    try:
        parts = urlsplit(server if "//" in server else f"//{server}")
        host = parts.hostname or ""
    except ValueError:
        return server
    head, dot, last = host.rpartition(".")
    host = head if dot and last.isalpha() else host
    return f"{host}{parts.path}".rstrip("/")


def _local(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M %Z}"


def _named(config: object, part: str, name: str, field: str) -> Mapping[str, Any]:
    """The body of the entry `name` in one of a kubeconfig's lists; empty when there is none."""
    entries = config.get(part) if isinstance(config, Mapping) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == name:
            body = entry.get(field)
            return body if isinstance(body, Mapping) else {}
    return {}
