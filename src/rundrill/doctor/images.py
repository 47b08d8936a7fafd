"""Whether the images of the service and of the faults' releases are here, as far as can be known.

A pod that runs an image proves that it is on that node. That a node lists it proves the same; that
it does not proves nothing: a kubelet lists 50 at most. So an image that was never started here is
*not known*, unless a pod is waiting for it in vain.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rundrill.doctor.check import Check, attempted
from rundrill.target.cluster import Cluster

GROUP: Final = "images"
REFUSED: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
     "ImageInspectError", "RegistryUnavailable"}
)  # fmt: skip

Object = Mapping[str, Any]


@dataclass(slots=True)
class Image:
    """What is known of one image. `who` needs it; `nodes` have it."""

    who: dict[str, None] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    refused: dict[str, None] = field(default_factory=dict)


def checks(
    cluster: Cluster, namespaces: Iterable[str], releases: Mapping[str, Sequence[str]]
) -> Iterator[Check]:
    """`releases` are images of faults, to who needs each."""
    where = sorted(set(namespaces))

    def ask() -> Iterable[Check]:
        pods = cluster.objects("pods", where)
        deployments = cluster.objects("deployments", where)
        nodes = cluster.get("/api/v1/nodes")["items"]
        return judge(known_of(pods, deployments, nodes, releases), len(nodes))

    yield from attempted(
        GROUP, "of the service", ask, fix="the account needs `list` on nodes, pods and deployments"
    )


def known_of(
    pods: Sequence[Object],
    deployments: Sequence[Object],
    nodes: Sequence[Object],
    releases: Mapping[str, Sequence[str]],
) -> Mapping[str, Image]:
    """Objects as the API lists them; the names as whoever needs them writes them."""
    found: dict[str, Image] = {}
    for item in deployments:
        name = f"deployment/{item['metadata']['name']}"
        for container in item["spec"]["template"]["spec"]["containers"]:
            found.setdefault(container["image"], Image()).who[name] = None
    for pod in pods:
        _add_pod(found, pod)
    for image, who in releases.items():
        found.setdefault(image, Image()).who.update(dict.fromkeys(who))
    for node in nodes:
        here = {
            canonical(name)
            for listed in (node.get("status") or {}).get("images") or ()
            for name in listed.get("names") or ()
        }
        for image, known in found.items():
            if canonical(image) in here:
                known.nodes.add(node["metadata"]["name"])
    return found


def _add_pod(found: dict[str, Image], pod: Object) -> None:
    owners = pod["metadata"].get("ownerReferences") or ()
    who = next((f"{one['kind'].lower()}/{one['name']}" for one in owners), pod["metadata"]["name"])
    statuses = {
        one["name"]: one for one in (pod.get("status") or {}).get("containerStatuses") or ()
    }
    for container in pod["spec"]["containers"]:
        known = found.setdefault(container["image"], Image())
        if not any(name.startswith("deployment/") for name in known.who):
            known.who[who] = None
        status = statuses.get(container["name"]) or {}
        state = status.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in REFUSED:
            told = f"{waiting['reason']}: {waiting.get('message') or 'nothing more is told'}"
            known.refused[f"pod {pod['metadata']['name']}: {told}"] = None
        elif ("running" in state or "terminated" in state) and pod["spec"].get("nodeName"):
            known.nodes.add(pod["spec"]["nodeName"])


def judge(images: Mapping[str, Image], nodes: int) -> Iterator[Check]:
    """`nodes` is how many there are."""
    if not images:
        yield Check(
            group=GROUP,
            name="of the service",
            state="failed",
            seen="there is neither a Deployment nor a pod in the service's namespaces",
            fix="deploy the service first",
        )
    for name, known in sorted(images.items()):
        who = ", ".join(list(known.who)[:3])
        if known.refused:
            yield Check(
                group=GROUP,
                name=name,
                state="failed",
                seen=f"{next(iter(known.refused))}; for {who}",
                fix="correct the name, or make it pullable from the nodes: load it into them, or"
                " name a pull secret; see docs/images.md",
            )
        elif known.nodes:
            seen = f"on {len(known.nodes)} of {nodes} nodes; for {who}"
            yield Check(group=GROUP, name=name, state="ok", seen=seen)
        else:
            yield Check(
                group=GROUP,
                name=name,
                state="not known",
                seen=f"no pod runs it and no node lists it; for {who}",
                fix="try it: rundrill doctor --probe EXPERIMENT starts a pod of it",
            )


def canonical(name: str) -> str:
    """As a node lists it: `nginx` is `docker.io/library/nginx:latest`."""
    head, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in head and ":" not in head and head != "localhost":
        name = f"docker.io/{name}"
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"
