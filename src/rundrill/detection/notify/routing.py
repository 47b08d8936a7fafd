"""An Alertmanager configuration as frozen values: which alert goes to whom, how long it waits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rundrill.detection.labels import Labels
from rundrill.detection.notify.matchers import Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One way in which a receiver is told (`webhook_configs`, ...)."""

    kind: str
    send_resolved: bool
    max_alerts: int = 0
    """So many in a message at most; 0: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One node of the tree, with what it inherits already in it. Durations are seconds.

    `group_by` None groups by all labels (`...`). `number` tells one route from another.
    """

    number: int
    receiver: str
    matchers: tuple[Matcher, ...]
    continues: bool
    group_by: frozenset[str] | None
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    key: str
    routes: tuple["Route", ...] = ()

    def match(self, labels: Mapping[str, str]) -> list["Route"]:
        """The deepest routes that match, in order; a child without `continue` ends the search."""
        if not _match(self.matchers, labels):
            return []
        found: list[Route] = []
        for child in self.routes:
            matched = child.match(labels)
            found += matched
            if matched and not child.continues:
                break
        return found or [self]

    def group_labels(self, labels: Labels) -> Labels:
        return labels if self.group_by is None else labels.only(self.group_by)

    def walk(self) -> Iterator["Route"]:
        yield self
        for child in self.routes:
            yield from child.walk()

    def compressed(self, factor: float) -> "Route":
        return replace(
            self,
            group_wait_s=self.group_wait_s / factor,
            group_interval_s=self.group_interval_s / factor,
            repeat_interval_s=self.repeat_interval_s / factor,
            routes=tuple(child.compressed(factor) for child in self.routes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an alert matches `source`, those that match `target` are told to nobody.

    Both must have the same values of the labels `equal`; no value is a value, too.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: frozenset[str]

    def mutes(self, labels: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> bool:
        if not _match(self.target, labels):
            return False
        # An alert that is both must not mute itself, nor others that are both.
        both = _match(self.source, labels)
        return any(
            _match(self.source, one)
            and all(one.get(name, "") == labels.get(name, "") for name in self.equal)
            and not (both and _match(self.target, one))
            for one in firing
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """A configuration that was read and checked whole."""

    path: str
    root: Route
    receivers: Mapping[str, tuple[Integration, ...]]
    """A receiver without integrations tells nobody."""
    inhibitions: tuple[Inhibition, ...] = ()

    def muted(self, labels: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> bool:
        """Whether nobody is told of such an alert because of one that fires."""
        return any(one.mutes(labels, firing) for one in self.inhibitions)

    def group_wait_s(self, labels: Mapping[str, str]) -> float | None:
        """How long the first message about such an alert waits; None when nobody is told."""
        waits = [r.group_wait_s for r in self.root.match(labels) if self.receivers[r.receiver]]
        return min(waits, default=None)

    def compressed(self, factor: float) -> "Routing":
        """Every duration divided, as those of the rules are."""
        return replace(self, root=self.root.compressed(factor))


def _match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(one.matches(labels) for one in matchers)
