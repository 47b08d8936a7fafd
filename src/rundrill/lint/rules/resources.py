"""Commands that name what neither the manifests nor the cluster have."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from rundrill.claims import Command, Runbook
from rundrill.lint.calls import OPEN, Call, calls_of
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.resources import ALWAYS, KINDS, Resources
from rundrill.runbook.kubectl import Invocation

_ELSEWHERE: Final = frozenset({"kubeconfig", "context", "cluster", "server"})
_IN_POD: Final = frozenset({"exec", "logs", "attach", "port-forward", "cp", "debug"})
"""Verbs whose first argument is a pod unless it says otherwise."""
_NAMING: Final = frozenset(
    {"get", "describe", "delete", "edit", "scale", "patch", "label", "annotate", "autoscale",
     "expose", "rollout undo", "rollout status", "rollout history", "rollout restart",
     "rollout pause", "rollout resume", "set image", "set env", "set resources", "wait"}
)  # fmt: skip
_INJECTED: Final = frozenset(
    {"istio-proxy", "istio-init", "linkerd-proxy", "linkerd-init", "envoy", "vault-agent", "daprd",
     "*"}
)  # fmt: skip
"""Containers that others add to pods, so no manifest has them."""
_MORE_WORDS: Final = frozenset({"label", "annotate", "set image", "set env"})
"""Verbs with arguments behind the names: `label pod x a=b`."""


_OWNER: Final = (
    "name a pod that keeps its name (of a StatefulSet), or its owner, such as `deployment/NAME`"
)


def kinds_named(runbook: Runbook) -> frozenset[str]:
    """The kinds of which a cluster must be asked; pods always, for the selectors."""
    found = {"Pod"}
    for _, command in runbook.having(Command):
        for call in calls_of(command):
            words = call.invocation
            for argument in () if words is None else words.arguments:
                for written in argument.partition("/")[0].split(","):
                    kind = KINDS.get(written.lower().partition(".")[0])
                    found |= {kind} if kind else set()
    return frozenset(found)


def _missing(material: Material) -> Iterator[Found]:
    assert material.resources is not None
    for claim, command in material.runbook.having(Command):
        for call in calls_of(command):
            for at, problem, fix in _problems(call, material.resources):
                yield Found(line=claim.line, at=at, message=problem, fix=fix, claim=claim.id)


def _problems(call: Call, resources: Resources) -> Iterator[tuple[str, str, str]]:
    words = call.invocation
    if words is None or _ELSEWHERE & set(words.flags):
        return
    everywhere = words.has("all-namespaces")
    namespace = None if everywhere else words.flags.get("namespace", ("default",))[-1]
    if namespace is not None and OPEN in namespace:
        return
    if namespace is not None and namespace not in resources.namespaces | ALWAYS:
        yield (
            namespace,
            f"{resources.source} has no namespace `{namespace}`",
            _close(namespace, resources.namespaces),
        )
        return
    for kind, name in _named(words):
        problem = _named_problem(kind, name, namespace, resources)
        if problem is not None:
            yield (name, *problem)
        else:
            yield from _containers(words, kind, name, namespace, resources)
    yield from _selected(words, namespace, resources)


def _named(words: Invocation) -> Iterator[tuple[str, str]]:
    """The kind and name of each object that the command names."""
    arguments = list(words.arguments)
    if words.verb in _IN_POD:
        first = arguments[:1]
        if words.verb == "cp":
            first = [one.partition(":")[0].rpartition("/")[2] for one in arguments if ":" in one]
        arguments = [one if "/" in one else f"pod/{one}" for one in first]
    elif words.verb not in _NAMING:
        return
    if words.verb in _MORE_WORDS:
        arguments = [one for one in arguments if "=" not in one and not one.endswith("-")]
    if arguments and "/" not in arguments[0]:
        kinds = arguments[0].split(",")
        pairs = (
            [(kind, name) for kind in kinds for name in arguments[1:]] if len(kinds) == 1 else []
        )
    else:
        pairs = [(kind, name) for kind, _, name in (one.partition("/") for one in arguments)]
    for written, name in pairs:
        kind = KINDS.get(written.lower().partition(".")[0])
        if kind is not None and name and OPEN not in name:
            yield kind, name


def _named_problem(
    kind: str, name: str, namespace: str | None, resources: Resources
) -> tuple[str, str] | None:
    if not resources.knows(kind):
        return None
    if kind == "Namespace":
        known: set[str] = set(resources.namespaces | ALWAYS)
        return (
            None
            if name in known
            else (f"{resources.source} has no namespace `{name}`", _close(name, known))
        )
    if kind == "Pod":
        if namespace is None or resources.has_pod(name, namespace):
            return None
        return f"{resources.source} has no pod `{name}` in namespace `{namespace}`", _OWNER
    if any(one.name == name for one in resources.of(kind, namespace)):
        return None
    elsewhere = sorted({one.namespace for one in resources.of(kind) if one.name == name})
    if elsewhere:
        there = f"{resources.source} has {kind} `{name}` in namespace `{elsewhere[0]}`"
        return f"{there}, not in `{namespace}`", f"add `-n {elsewhere[0]}`"
    where = "" if namespace is None else f" in namespace `{namespace}`"
    return (
        f"{resources.source} has no {kind} `{name}`{where}",
        _close(name, {one.name for one in resources.of(kind)}),
    )


def _containers(
    words: Invocation, kind: str, name: str, namespace: str | None, resources: Resources
) -> Iterator[tuple[str, str, str]]:
    """A container that the object, which is there, does not have."""
    asked = list(words.flags.get("container", ()))
    if words.verb == "set image":
        asked = [one.partition("=")[0] for one in words.arguments if "=" in one]
    owner = name.rpartition("-")[0]
    has = {
        container
        for one in (
            *resources.of(kind, namespace),
            *(resources.of("StatefulSet", namespace) if kind == "Pod" else ()),
        )
        if one.name in (name, owner if one.kind == "StatefulSet" else name)
        for container in one.containers
    }
    for container in asked:
        if has and container not in has | _INJECTED and OPEN not in container:
            yield (
                container,
                f"{kind} `{name}` has no container `{container}`",
                _close(container, has),
            )


def _selected(
    words: Invocation, namespace: str | None, resources: Resources
) -> Iterator[tuple[str, str, str]]:
    """A selector of pods that selects none."""
    selectors = words.flags.get("selector", ())
    kinds = [KINDS.get(one.lower()) for one in words.arguments[:1]]
    if not selectors or not (words.verb in ("logs", "top pod", "top pods") or kinds == ["Pod"]):
        return
    labels: dict[str, str] = {}
    for part in selectors[-1].split(","):
        name, equals, value = part.replace("==", "=").partition("=")
        if not equals or name.endswith("!") or OPEN in part or not resources.knows("Pod"):
            return
        labels[name.strip()] = value.strip()
    if not resources.pods_with(labels, namespace):
        where = "" if namespace is None else f" in namespace `{namespace}`"
        yield (
            selectors[-1],
            f"{resources.source} has no pod with `{selectors[-1]}`{where}",
            "correct the selector, or the labels of the pods",
        )


def _close(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "correct the name, or add it there"


RULES: Final = (
    Rule(
        id="resource-missing",
        level="error",
        summary="A command names what neither the manifests nor the cluster have.",
        check=_missing,
        needs="resources",
    ),
)
