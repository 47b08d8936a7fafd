"""Groups of alerts and their timers, as Alertmanager keeps them. Pure; time is passed in.

A new group waits `group_wait`, then looks every `group_interval` whether there is news: an alert
that the last message did not have, one that resolved, or `repeat_interval` being over. An empty
group lives on until the next sweep, and what joins it waits for the group's next turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from typing import Final

from rundrill.detection.labels import Labels
from rundrill.detection.notify.message import Alert, Message, in_order
from rundrill.detection.notify.routing import Integration, Route, Routing

SWEEP_S: Final = 30.0
"""How often Alertmanager drops empty groups; compressed like the rest."""
MIN_BUDGET_S: Final = 10.0
"""A message is tried for at least so long; machine work, never compressed."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What an integration was told last."""

    firing: frozenset[Labels]
    resolved: frozenset[Labels]
    at: float


@dataclass(slots=True, eq=False)
class _Group:
    route: Route
    labels: Labels
    next: float
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    told: dict[int, _Told] = field(default_factory=dict)
    flushed: bool = False
    turn: "_Turn | None" = None
    empty_since: float | None = None

    @property
    def key(self) -> str:
        body = ", ".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.route.key}:{{{body}}}"


@dataclass(slots=True, eq=False)
class _Turn:
    """One look of a group whose messages are under way."""

    group: _Group
    alerts: tuple[Alert, ...]
    news: _Told
    open: dict[int, int] = field(default_factory=dict)
    """Message number to the index of its integration."""
    complete: bool = True


class Dispatcher:
    """Follows the firing alerts; `flush` gives the messages that are due.

    `routing` is compressed already, `sweep_s` too. Times are seconds of one clock.
    """

    def __init__(self, routing: Routing, *, began: float, sweep_s: float = SWEEP_S) -> None:
        self._routing = routing
        self._sweep_s = sweep_s
        self._swept = began
        self._groups: dict[tuple[int, Labels], _Group] = {}
        self._firing: dict[Labels, float] = {}
        self._ignored: dict[Labels, float] = {}
        self._turns: dict[int, _Turn] = {}
        self._numbers = count()

    def take(self, firing: Mapping[Labels, float], at: float) -> None:
        """All series that fire at `at`, each with when it began to."""
        self._sweep(at)
        self._ignored = {k: v for k, v in self._ignored.items() if firing.get(k) == v}
        wanted = {k: v for k, v in firing.items() if k not in self._ignored}
        for labels, since in list(self._firing.items()):
            if wanted.get(labels) != since:
                del self._firing[labels]
                self._insert(Alert(labels=labels, starts_at=since, ends_at=at), at)
        for labels, since in wanted.items():
            if labels not in self._firing:
                self._firing[labels] = since
                self._insert(Alert(labels=labels, starts_at=since), at)

    def forget(self) -> None:
        """Begins anew: no group is left, and what fires now is told to nobody until it resolves."""
        self._ignored |= self._firing
        self._firing.clear()
        self._groups.clear()

    def due(self) -> float | None:
        """When to call `flush` next; None while nothing waits."""
        waiting = (g.next for g in self._groups.values() if g.alerts and g.turn is None)
        return min(waiting, default=None)

    def flush(self, at: float) -> list[Message]:
        """The messages that are due. Each must be settled before its group has its next turn."""
        ready = [
            group
            for group in self._groups.values()
            if group.alerts and group.turn is None and group.next <= at
        ]
        return [message for group in ready for message in self._turn(group, at)]

    def settle(self, message: Message, at: float, *, delivered: bool) -> None:
        """How a message ended: one that was not delivered is tried again at the next turn."""
        turn = self._turns.pop(message.number)
        index = turn.open.pop(message.number)
        if delivered:
            turn.group.told[index] = _Told(turn.news.firing, turn.news.resolved, at)
        else:
            turn.complete = False
        if not turn.open:
            self._end(turn, at)

    # ------------------------------------------------------------ inside

    def _insert(self, alert: Alert, at: float) -> None:
        for route in self._routing.root.match(alert.labels):
            labels = route.group_labels(alert.labels)
            group = self._groups.get((route.number, labels))
            if group is None:
                group = _Group(route, labels, at + route.group_wait_s)
                self._groups[route.number, labels] = group
            if not group.alerts and group.next < at:  # it kept its rhythm while it was empty
                missed = ceil((at - group.next) / route.group_interval_s)
                group.next += missed * route.group_interval_s
            group.alerts[alert.labels] = alert
            group.empty_since = None
            # An alert that fired before this one knew of it has waited already.
            if not group.flushed and alert.starts_at + route.group_wait_s < at:
                group.next = min(group.next, at)

    def _turn(self, group: _Group, at: float) -> list[Message]:
        group.next = at + group.route.group_interval_s
        group.flushed = True
        alerts = in_order(group.alerts.values())
        heard = [a for a in alerts if not self._routing.muted(a.labels, self._firing)]
        news = _Told(
            firing=frozenset(alert.labels for alert in heard if alert.firing),
            resolved=frozenset(alert.labels for alert in heard if not alert.firing),
            at=at,
        )
        turn = group.turn = _Turn(group, alerts, news)
        messages: list[Message] = []
        for index, integration in enumerate(self._routing.receivers[group.route.receiver]):
            # A group of which all are muted says nothing, and forgets nothing of what it said.
            if not heard or not _needs(group.told.get(index), news, integration, group.route):
                continue
            if not news.firing and not integration.send_resolved:
                group.told[index] = news  # as told, though nothing is sent
                continue
            message = self._message(turn, heard, integration, at)
            turn.open[message.number] = index
            self._turns[message.number] = turn
            messages.append(message)
        if not messages:
            self._end(turn, at)
        return messages

    def _message(
        self, turn: _Turn, heard: Sequence[Alert], integration: Integration, at: float
    ) -> Message:
        group = turn.group
        sent = [alert for alert in heard if alert.firing or integration.send_resolved]
        most = integration.max_alerts or len(sent)
        return Message(
            number=next(self._numbers),
            receiver=group.route.receiver,
            group_key=group.key,
            group_labels=group.labels,
            alerts=tuple(sent[:most]),
            truncated=max(0, len(sent) - most),
            give_up_at=at + max(group.route.group_interval_s, MIN_BUDGET_S),
        )

    @staticmethod
    def _end(turn: _Turn, at: float) -> None:
        group = turn.group
        group.turn = None
        if not turn.complete:
            return
        for alert in turn.alerts:
            # One that has come again since is another alert.
            if not alert.firing and group.alerts.get(alert.labels) is alert:
                del group.alerts[alert.labels]
        if not group.alerts:
            group.empty_since = at

    def _sweep(self, at: float) -> None:
        if at < self._swept + self._sweep_s:
            return
        self._swept += (at - self._swept) // self._sweep_s * self._sweep_s
        for key, group in list(self._groups.items()):
            if group.empty_since is not None and group.empty_since <= self._swept:
                del self._groups[key]


def _needs(told: _Told | None, news: _Told, integration: Integration, route: Route) -> bool:
    """Whether there is something to say that was not said."""
    if told is None:
        return bool(news.firing)
    if not news.firing <= told.firing:
        return True
    if not news.firing:
        return bool(told.firing)
    if integration.send_resolved and not news.resolved <= told.resolved:
        return True
    return told.at < news.at - route.repeat_interval_s
