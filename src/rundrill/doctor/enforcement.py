"""What the cluster truly enforces: memory limits and network policies, by what a probe saw."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from rundrill.doctor.check import Check, State, attempted
from rundrill.doctor.probe import Ended, Probed, leftovers
from rundrill.doctor.probe_pods import CONNECTED, CUT, HELD_MIB, HELD_S, LIMIT_MIB, TRIES_S
from rundrill.target.cluster import Cluster

GROUP: Final = "enforced here"
MEMORY: Final = "memory limit"
NETWORK: Final = {
    "no-ingress": "network policy, in",
    "no-egress": "network policy, out",
}
NAMESPACE: Final = "probe namespace"
_MEANS: Final = re.compile(r"enforced by (\w+)")
_PYTHON: Final = (
    "an image with `python3` that may run without root is needed: name one with --probe-image"
)


def checks(cluster: Cluster, run: Callable[[], Probed] | None) -> Iterator[Check]:
    """`run` is None without `--probe`."""
    fix = "the account needs `list namespaces` to see what a killed probe left"
    yield from attempted(GROUP, NAMESPACE, lambda: judge_leftovers(leftovers(cluster)), fix=fix)
    if run is None:
        for name in (MEMORY, *NETWORK.values()):
            yield Check(
                group=GROUP,
                name=name,
                state="not known",
                seen="not tried",
                fix="--probe starts pods in a namespace of its own, and removes it",
            )
        return
    yield from attempted(
        GROUP,
        "probe",
        lambda: judge(run()),
        fix="the account must create and delete namespaces, and in them pods, services and network"
        " policies; docs/doctor.md",
    )


def judge(probed: Probed) -> Iterable[Check]:
    yield judge_memory(probed.memory, probed.events, probed.image)
    for role, name in NETWORK.items():
        yield judge_network(name, probed.before, probed.denied.get(role), probed.after)
    for image, refused in probed.images.items():
        yield Check(
            group="images",
            name=image,
            state="failed" if refused else "ok",
            seen=f"a pod of it did not begin: {refused}" if refused else "a pod of it began",
            fix="make it pullable from the nodes, or load it into them; docs/images.md"
            if refused
            else "",
        )
    if probed.left:
        yield Check(
            group=GROUP,
            name=NAMESPACE,
            state="warning",
            seen=probed.left,
            fix="see that it goes: kubectl get namespaces -l rundrill.dev/doctor",
        )
    else:
        seen = f"made and removed, in {probed.took_s:.0f} s in all"
        yield Check(group=GROUP, name=NAMESPACE, state="ok", seen=seen)


def judge_leftovers(names: Sequence[str]) -> Iterator[Check]:
    for name in names:
        yield Check(
            group=GROUP,
            name=NAMESPACE,
            state="warning",
            seen=f"{name} is there: of a doctor that was killed, or that runs now",
            fix=f"if none runs: kubectl delete namespace {name}",
        )


def judge_memory(pod: Ended, events: Iterable[str], image: str) -> Check:
    """`events` are those of that pod: the embedded cluster says by what means it enforces."""
    means = [found[1] for told in events if (found := _MEANS.search(told))]
    by = f"; enforced by {means[0]}" if means else ""
    over = f"a pod that went over its limit of {LIMIT_MIB} MiB"
    state: State = "not known"
    fix = _PYTHON
    if pod.reason == "OOMKilled":
        seen, state, fix = f"{over} was killed: OOMKilled, exit {pod.exit_code}{by}", "ok", ""
    elif pod.exit_code == 137:
        seen, state = (
            f"{over} was killed ({pod.reason or 'no reason'}), not as OOMKilled",
            "warning",
        )
        fix = "alerts on the reason OOMKilled stay silent here: see the container runtime"
    elif pod.exit_code == 0:
        seen, state = f"{over} held {HELD_MIB} MiB for {HELD_S} s and was not killed", "failed"
        fix = "a leak ends nothing here: see that the kubelet's memory control group is on (and"
        fix += " swap is off)"
    else:
        seen = f"the probe pod of {image} told nothing: {_how(pod)}"
    return Check(group=GROUP, name=MEMORY, state=state, seen=seen, fix=fix)


def judge_network(name: str, before: Ended, denied: Ended | None, after: Ended) -> Check:
    """A cut is one only when the server was reached before the policy, and by others after."""
    state: State = "not known"
    if before.exit_code != CONNECTED or denied is None:
        seen = f"without any policy a pod did not reach another: {_how(before)}"
        fix = f"see whether Services work here at all; {_PYTHON}"
    elif denied.exit_code == CONNECTED:
        state, seen = "failed", f"a denied pod still connected after {TRIES_S} s"
        fix = "the network plugin does not enforce NetworkPolicies: faults that cut connections"
        fix += " will not land; install one that does (Calico, Cilium)"
    elif denied.exit_code != CUT:
        seen, fix = f"the denied pod told nothing: {_how(denied)}", _PYTHON
    elif after.exit_code != CONNECTED:
        seen = f"a denied pod was cut off, and so was one that is allowed: {_how(after)}"
        fix = "the network plugin, or the server, failed meanwhile: try again"
    else:
        state, fix = "ok", ""
        seen = "a denied pod was cut off, and an allowed one was not"
    return Check(group=GROUP, name=name, state=state, seen=seen, fix=fix)


def _how(pod: Ended) -> str:
    if pod.exit_code is None:
        return pod.reason or "it did not end"
    return f"exit {pod.exit_code}" + (f" ({pod.reason})" if pod.reason else "")
