"""What kubectl asks the API server for, command by command.

As kubectl 1.37 asked a real API server, read in its audit log: `kubectl-requests.json` among the
golden files. What it only asks after an answer *not found*, and discovery, which everybody may
read, are left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.permissions.access import Access
from rundrill.runbook.kinds import ALL, KINDS, Resource, resource_of
from rundrill.runbook.kubectl import Invocation

PODS: Final = KINDS["pods"]
METRICS: Final = "metrics.k8s.io"
_NOTHING: Final = frozenset(
    {
        "version", "api-resources", "api-versions", "explain", "options", "proxy", "auth can-i",
        "auth whoami", "config view", "config current-context", "config get-contexts",
        "config get-clusters",
    }
)  # fmt: skip
"""They ask for what everybody may read."""
_WRITES: Final = frozenset({"create", "update", "patch", "delete"})
_DESCRIBED: Final[Mapping[str, tuple[str, ...]]] = {
    "deployments": ("replicasets", "events"),
    "replicasets": ("pods", "events"),
    "statefulsets": ("pods", "events"),
    "daemonsets": ("pods", "events"),
    "services": ("endpointslices", "events"),
    "persistentvolumeclaims": ("pods", "events"),
    "networkpolicies": (),
    "secrets": (),
    "namespaces": (),
    "nodes": ("pods", "events", "resourceslices"),
}
"""What `describe` lists beside the object; events, where nothing is said here."""


class UnknownRequestsError(Exception):
    """Nobody here can tell what the command asks for; says why."""


@dataclass(frozen=True, slots=True)
class _Target:
    resource: Resource
    named: bool


def accesses_of(invocation: Invocation) -> frozenset[Access]:
    """Raises `UnknownRequestsError`."""
    if invocation.has("raw"):
        raise UnknownRequestsError("`--raw` may ask for anything")
    if invocation.has("filename", "kustomize"):
        raise UnknownRequestsError("what the file names is not known here")
    found = frozenset(_Asked(invocation).accesses())
    if "client" in invocation.flags.get("dry-run", ()):
        return frozenset(access for access in found if access.verb not in _WRITES)
    return found


class _Asked:
    """One command's requests."""

    def __init__(self, invocation: Invocation) -> None:
        self._call = invocation
        everywhere = invocation.has("all-namespaces")
        self._namespace = "" if everywhere else invocation.flags.get("namespace", ("default",))[-1]

    def accesses(self) -> Iterator[Access]:
        verb = self._call.verb
        if verb in _NOTHING:
            return
        if verb not in _VERBS:
            raise UnknownRequestsError(f"what `{verb}` asks for is not known here")
        yield from _VERBS[verb](self)

    # ------------------------------------------------------------ verbs that look

    def get(self) -> Iterator[Access]:
        for target in self._targets():
            yield from self._shown(target)
            if self._call.has("watch", "watch-only"):
                yield self._on(target.resource, "watch")

    def describe(self) -> Iterator[Access]:
        for target in self._targets():
            resource = target.resource
            yield from self._shown(target)
            if not target.named:
                yield self._on(resource, "get")
            for beside in _DESCRIBED.get(resource.name, ("events",)):
                yield self._on(KINDS[beside], "list", everywhere=not resource.namespaced)
            if resource.name == "namespaces":
                for namespace in self._names() or [""]:
                    for beside in ("resourcequotas", "limitranges"):
                        yield Access(namespace=namespace, group="", resource=beside, verb="list")
            if resource.name == "nodes":
                yield Access(
                    namespace="kube-node-lease",
                    group="coordination.k8s.io",
                    resource="leases",
                    verb="get",
                )

    def events(self) -> Iterator[Access]:
        yield self._on(KINDS["events"], "list")
        if self._call.has("watch"):
            yield self._on(KINDS["events"], "watch")

    def logs(self) -> Iterator[Access]:
        if self._call.has("selector"):
            yield self._on(PODS, "list")
        else:
            yield from self._pod_of(self._call.arguments[:1])
        yield self._on(PODS, "get", "log")

    def top(self) -> Iterator[Access]:
        nodes = self._call.verb not in ("top pods", "top pod", "top po")
        verb = "get" if self._call.arguments else "list"
        resource = KINDS["nodes"] if nodes else PODS
        yield self._on(Resource(METRICS, resource.name, resource.namespaced), verb)
        if nodes:
            yield self._on(resource, verb)

    def cluster_info(self) -> Iterator[Access]:
        if self._call.arguments:
            raise UnknownRequestsError("`cluster-info dump` reads whatever there is")
        yield Access(namespace="kube-system", group="", resource="services", verb="list")

    def history(self) -> Iterator[Access]:
        for target in self._targets():
            yield self._read(target)
            yield self._on(target.resource, "get")
            deployment = target.resource.name == "deployments"
            yield self._on(KINDS["replicasets" if deployment else "controllerrevisions"], "list")

    def watch(self) -> Iterator[Access]:
        """`rollout status`, `wait`: the state now, and what becomes of it."""
        for target in self._targets():
            yield self._read(target)
            yield self._on(target.resource, "list")
            yield self._on(target.resource, "watch")

    # ------------------------------------------------------------ verbs that change

    def change(self) -> Iterator[Access]:
        for target in self._targets():
            for part in self._call.flags.get("subresource", ("",))[-1:]:
                yield self._read(target, part)
                yield self._on(target.resource, "patch", part)

    def undo(self) -> Iterator[Access]:
        yield from self.history()
        yield from self.change()

    def scale(self) -> Iterator[Access]:
        compared = self._call.has("current-replicas")
        for target in self._targets():
            yield self._read(target)
            yield self._on(target.resource, "update" if compared else "patch", "scale")
            if compared or self._call.has("timeout"):
                yield self._on(target.resource, "get", "scale")

    def delete(self) -> Iterator[Access]:
        waits = self._call.flags.get("wait", ("true",))[-1].lower() not in ("false", "f", "0")
        for target in self._targets():
            if not target.named:
                yield self._on(target.resource, "list")
            yield self._on(target.resource, "delete")
            if waits and set(self._call.flags.get("dry-run", ())) <= {"none"}:
                for verb in ("get", "list", "watch"):
                    yield self._on(target.resource, verb)

    def execute(self) -> Iterator[Access]:
        yield from self._pod_of(self._call.arguments[:1])
        # It tries a WebSocket first (`get`) and falls back to a POST where that is refused.
        yield self._on(PODS, "create", "exec")

    def copy(self) -> Iterator[Access]:
        for argument in self._call.arguments:
            pod, colon, _ = argument.partition(":")
            if colon:
                namespace = pod.rpartition("/")[0] or self._namespace
                for verb, resource in (("get", "pods"), ("create", "pods/exec")):
                    yield Access(namespace=namespace, group="", resource=resource, verb=verb)

    def forward(self) -> Iterator[Access]:
        yield from self._pod_of(self._call.arguments[:1])
        yield self._on(PODS, "get")
        yield self._on(PODS, "create", "portforward")

    def autoscale(self) -> Iterator[Access]:
        yield from map(self._read, self._targets())
        yield self._on(KINDS["hpa"], "create")

    def expose(self) -> Iterator[Access]:
        yield from map(self._read, self._targets())
        yield self._on(KINDS["services"], "create")

    def create(self) -> Iterator[Access]:
        kind = self._call.arguments[0] if self._call.arguments else ""
        yield self._on(self._resource(kind), "create")
        source = self._call.flags.get("from", ("",))[-1]
        if source:
            yield self._on(self._resource(source.partition("/")[0]), "get")

    def run(self) -> Iterator[Access]:
        yield self._on(PODS, "create")

    # ------------------------------------------------------------ what they share

    def _on(
        self, resource: Resource, verb: str, part: str = "", *, everywhere: bool = False
    ) -> Access:
        return Access(
            namespace=self._namespace if resource.namespaced and not everywhere else "",
            group=resource.group,
            resource=f"{resource.name}/{part}" if part else resource.name,
            verb=verb,
        )

    def _read(self, target: _Target, part: str = "") -> Access:
        return self._on(target.resource, "get" if target.named else "list", part)

    def _shown(self, target: _Target) -> Iterator[Access]:
        """A namespace counts as within itself: a role there may let it be read."""
        if target.resource == KINDS["namespaces"] and target.named:
            for name in self._names():
                yield Access(namespace=name, group="", resource="namespaces", verb="get")
        else:
            yield self._read(target)

    def _pod_of(self, words: Sequence[str]) -> Iterator[Access]:
        """How a pod is found that is named as `pod`, `pod/name` or `deployment/name`."""
        kind, slash, _ = "".join(words).partition("/")
        owner = self._resource(kind) if slash else PODS
        yield self._on(owner, "get")
        if owner != PODS:
            yield self._on(PODS, "list")

    def _targets(self) -> Sequence[_Target]:
        """`kind/name kind/name`, or `kind,kind name name`; `key=value` behind them is no name."""
        words = [word for word in self._call.arguments if "=" not in word]
        if self._call.verb in ("label", "annotate"):
            words = [word for word in words if not word.endswith("-")]  # takes a key away
        if not words:
            raise UnknownRequestsError("it names no kind")
        if "/" in words[0]:
            return [
                _Target(self._resource(word.partition("/")[0]), True)
                for word in words
                if "/" in word
            ]
        return [
            _Target(resource, len(words) > 1)
            for kind in words[0].split(",")
            for resource in (ALL if kind == "all" else [self._resource(kind)])
        ]

    def _names(self) -> Sequence[str]:
        """Of the objects, however they are written."""
        words = self._call.arguments
        return words[1:] if "/" not in words[0] else [word.partition("/")[2] for word in words]

    @staticmethod
    def _resource(word: str) -> Resource:
        found = resource_of(word)
        if found is None:
            raise UnknownRequestsError(f"the kind `{word}` is not known here")
        return found


_VERBS: Final[Mapping[str, Callable[[_Asked], Iterator[Access]]]] = {
    "get": _Asked.get,
    "describe": _Asked.describe,
    "events": _Asked.events,
    "logs": _Asked.logs,
    **dict.fromkeys(
        ("top pods", "top pod", "top po", "top nodes", "top node", "top no"), _Asked.top
    ),
    "cluster-info": _Asked.cluster_info,
    "rollout history": _Asked.history,
    "rollout status": _Asked.watch,
    "wait": _Asked.watch,
    "rollout undo": _Asked.undo,
    **dict.fromkeys(
        (
            "rollout restart", "rollout pause", "rollout resume", "edit", "patch", "label",
            "annotate", "set image", "set env", "set resources", "set selector",
            "set serviceaccount",
        ),
        _Asked.change,
    ),
    "scale": _Asked.scale,
    "delete": _Asked.delete,
    "exec": _Asked.execute,
    "cp": _Asked.copy,
    "port-forward": _Asked.forward,
    "autoscale": _Asked.autoscale,
    "expose": _Asked.expose,
    "create": _Asked.create,
    "run": _Asked.run,
}  # fmt: skip
