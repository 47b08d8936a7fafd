"""What the service's pods show: readiness, and counters through the API server's pod proxy.

That is evidence from outside of a fault: the fault acts elsewhere, and the service tells what it
met there.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.target.cluster import Cluster, ClusterError, Pod

LOOKS: Final = 5
"""How many looks an effect stays in sight. Looks come once a second; rare failures have gaps."""
_SELECTOR: Final = re.compile(r"\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s*")
_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_SAMPLE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")

Reading = Mapping[str, tuple[float, ...]]
"""Pod to the sum of each counter's series there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter of one pod: `name{label="value",other=~"a|b"}`, all of its series added up."""

    text: str
    name: str
    labels: Mapping[str, re.Pattern[str]]

    @staticmethod
    def parse(text: str) -> "Counter":
        """Raises `ValueError` with what is wrong."""
        found = _SELECTOR.fullmatch(text)
        if found is None:
            raise ValueError(f'{text!r} is no counter; write it as name{{label="value"}}')
        labels: dict[str, re.Pattern[str]] = {}
        body, position = found[2] or "", 0
        while body[position:].strip():
            matcher = _MATCHER.match(body, position)
            if matcher is None:
                raise ValueError(f'{body[position:]!r} is no label; write label="value"')
            label, kind, value = matcher.groups()
            try:
                labels[label] = re.compile(value if kind == "=~" else re.escape(value))
            except re.error as error:
                raise ValueError(f"{value!r} is no regular expression: {error}") from error
            position = matcher.end()
        return Counter(text=text.strip(), name=found[1], labels=labels)

    def sum(self, exposition: str) -> float:
        """Of all series in a pod's answer that match."""
        return sum(
            value
            for name, labels, value in _samples(exposition)
            if name == self.name
            and all(test.fullmatch(labels.get(key, "")) for key, test in self.labels.items())
        )


class ServicePods:
    """The pods behind a selector, and the port where they tell their metrics."""

    def __init__(self, cluster: Cluster, *, namespace: str, selector: str, port: int) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._selector = selector
        self._port = port

    def list(self) -> Sequence[Pod]:
        """Those that are not on their way out."""
        found = self._cluster.pods(self._namespace, self._selector)
        return [pod for pod in found if not pod.terminating]

    def unready(self) -> str | None:
        """What keeps them from serving; None while every one of them is ready."""
        pods = self.list()
        if not pods:
            return f"no pod matches {self._selector} in {self._namespace}"
        unready = [pod.name for pod in pods if not pod.ready]
        return f"not ready: {', '.join(unready)}" if unready else None

    def read(self, counters: Sequence[Counter]) -> tuple[frozenset[str], Reading]:
        """Who is there, and what those that answered tell. Raises `ClusterError` if none did."""
        told: dict[str, tuple[float, ...]] = {}
        names, failure = set(), None
        for pod in self.list():
            names.add(pod.name)
            path = (
                f"/api/v1/namespaces/{self._namespace}/pods/{pod.name}:{self._port}/proxy/metrics"
            )
            try:
                text = self._cluster.get_text(path)
            except ClusterError as error:  # it may be starting, or gone since it was listed
                failure = error
                continue
            told[pod.name] = tuple(counter.sum(text) for counter in counters)
        if not told:
            raise failure or ClusterError(
                f"no pod matches {self._selector} in {self._namespace}: nobody tells its metrics"
            )
        return frozenset(names), told


class Increase:
    """How much counters grew between looks, exactly: no rate, no extrapolation.

    A count that went back began anew. A pod that was not there at the first look began at zero;
    one that was there and did not answer begins at its first answer.
    """

    def __init__(self, pods: ServicePods, *counters: Counter) -> None:
        self._pods = pods
        self._counters = counters
        self._known: dict[str, tuple[float, ...]] = {}
        self._silent: frozenset[str] | None = None
        self._looks: deque[tuple[float, ...]] = deque(maxlen=LOOKS)
        self._total: dict[str, tuple[float, ...]] = {}

    def look(self) -> None:
        """Reads once; the first look is what the others are compared with."""
        names, told = self._pods.read(self._counters)
        if self._silent is None:
            self._silent = names
        step = [0.0] * len(self._counters)
        for pod, values in told.items():
            before = self._known.get(pod, values if pod in self._silent else (0.0,) * len(values))
            grown = tuple(
                now - then if now >= then else now for now, then in zip(values, before, strict=True)
            )
            step = [a + b for a, b in zip(step, grown, strict=True)]
            old = self._total.get(pod, (0.0,) * len(values))
            self._total[pod] = tuple(a + b for a, b in zip(old, grown, strict=True))
            self._known[pod] = values
        self._looks.append(tuple(step))

    @property
    def recent(self) -> tuple[float, ...]:
        """Over the last looks and all pods, in the order of the counters."""
        return tuple(map(sum, zip(*self._looks, strict=True))) or (0.0,) * len(self._counters)

    @property
    def total(self) -> tuple[float, ...]:
        """Since the first look and over all pods, in the order of the counters."""
        sums = map(sum, zip(*self._total.values(), strict=True))
        return tuple(sums) or (0.0,) * len(self._counters)

    @property
    def by_pod(self) -> Reading:
        """Since the first look."""
        return dict(self._total)


def _samples(exposition: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for line in exposition.splitlines():
        found = None if line.startswith("#") else _SAMPLE.match(line)
        if found is not None:
            labels = {m[1]: m[3] for m in _MATCHER.finditer(found[2] or "")}
            yield found[1], labels, float(found[3])
