"""A real Alertmanager tells, and we listen: its webhook posts to our receiver.

It gets its alerts from a Prometheus; here none is sent to it, and none of its waits is divided.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from rundrill.base.clock import Clock
from rundrill.detection.alerts import ALERT_NAME, AlertState
from rundrill.detection.notify.alertmanager import (
    HIDDEN,
    AlertmanagerApi,
    RemoteAlert,
    RemoteStatus,
)
from rundrill.detection.notify.config import parse_routing
from rundrill.detection.notify.delivery import DeliveryFailure
from rundrill.detection.notify.message import Notification
from rundrill.detection.notify.receiver import Receiver
from rundrill.detection.notify.routing import Routing
from rundrill.errors import MachineError, RoutingError

_LOOPBACK: Final = ("127.0.0.1", "localhost")
_READY: Final = ("ready", "disabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """One that is up and tells us: its `receivers` post to `port` of this machine.

    `seen` is False where its urls are hidden: that they name us is then not known. `routing` is
    its own, without what tells others; None where our reader does not take it.
    """

    url: str
    version: str
    port: int
    receivers: tuple[str, ...]
    seen: bool
    routing: Routing | None

    @property
    def description(self) -> str:
        return f"Alertmanager {self.version} at {self.url}"

    def group_wait_s(self, labels: Mapping[str, str]) -> float | None:
        """How long the first message to us about such an alert waits; None where not known."""
        return None if self.routing is None else self.routing.group_wait_s(labels)


def find_alertmanager(
    url: str, *, port: int, alerts: Collection[str], clock: Clock
) -> Alertmanager:
    """Whether all is there for a drill that expects `alerts`, before anything is started.

    Raises `RoutingError` for an Alertmanager that is not there, is not ready, does not tell us or
    has one of the alerts already, and `MachineError` when `port` cannot be listened to.
    """
    api = AlertmanagerApi(url)
    status = api.status()
    if status.cluster not in _READY:
        raise RoutingError(
            f"the Alertmanager is not ready: {status.cluster}", path=url, fix="wait until it is"
        )
    receivers, seen = _ours(status, port)
    if not receivers:
        raise RoutingError(
            f"no receiver of its configuration tells {_url(port)}",
            path=url,
            fix="give the receiver whose time counts this, and reload it:"
            f" `webhook_configs: [{{url: '{_url(port)}'}}]`",
        )
    routing = _routing(status, url, receivers)
    if routing is not None and not any(r.receiver in receivers for r in routing.root.walk()):
        raise RoutingError(
            f"no route of its configuration leads to {_names(receivers)}",
            path=url,
            fix="give the webhook to the receiver that your routes lead to, and reload it",
        )
    for alert in api.alerts():
        if alert.labels.get(ALERT_NAME) in alerts:
            raise RoutingError(
                f"{alert.labels[ALERT_NAME]} fires in it already, and would not be told again",
                path=url,
                fix="wait until it is resolved there",
            )
    _listen(port, lambda _notification: None, clock).close()
    return Alertmanager(
        url=api.url,
        version=status.version,
        port=port,
        receivers=receivers,
        seen=seen,
        routing=routing,
    )


class RemoteNotifier:
    """Tells of each message that a real Alertmanager posts to us, from `start` to `stop`.

    The callbacks are called from threads of their own.
    """

    def __init__(
        self,
        remote: Alertmanager,
        *,
        clock: Clock,
        on_notification: Callable[[Notification], None],
        on_failure: Callable[[DeliveryFailure], None],
    ) -> None:
        self._remote = remote
        self._api = AlertmanagerApi(remote.url)
        self._clock = clock
        self._on_notification = on_notification
        self._on_failure = on_failure
        self._receiver: Receiver | None = None

    def start(self) -> None:
        """May be called once. Raises `MachineError` when its port is taken."""
        self._receiver = _listen(self._remote.port, self._on_notification, self._clock)

    def stop(self) -> None:
        """Harmless to repeat, and when not started."""
        if self._receiver is not None:
            self._receiver.close()

    def take(self, alerts: Mapping[str, AlertState], at: float) -> None:
        """Nothing: it is Prometheus that tells the Alertmanager."""

    def begin(self) -> None:
        """Nothing: the groups are the Alertmanager's own, and go on."""

    @property
    def failure(self) -> BaseException | None:
        """What kept a message from being taken."""
        return None if self._receiver is None else self._receiver.failure

    def group_wait_s(self, labels: Mapping[str, str]) -> float | None:
        return self._remote.group_wait_s(labels)

    def why_untold(self, alerts: Collection[str]) -> str:
        """How the Alertmanager holds alerts of which it has not told us.

        One that does not answer is told as a failure: nothing is known about who is told.
        """
        try:
            held = self._api.alerts()
        except RoutingError as error:
            self._on_failure(
                DeliveryFailure(
                    at=self._clock.now(),
                    receiver=_names(self._remote.receivers),
                    alerts=tuple(sorted(alerts)),
                    error=error.problem,
                )
            )
            return error.problem
        return "; ".join(_held(name, held) for name in sorted(alerts))


def _held(name: str, held: Collection[RemoteAlert]) -> str:
    found = [one for one in held if one.labels.get(ALERT_NAME) == name]
    if not found:
        return f"the Alertmanager does not have {name}"
    return f"the Alertmanager has {name}: " + ", ".join(sorted({_state(one) for one in found}))


def _state(alert: RemoteAlert) -> str:
    why = " and ".join(
        word
        for word, by in (("silenced", alert.silenced_by), ("inhibited", alert.inhibited_by))
        if by
    )
    return f"{alert.state}{f' ({why})' if why else ''} for {_names(alert.receivers)}"


def _ours(status: RemoteStatus, port: int) -> tuple[tuple[str, ...], bool]:
    """The receivers that tell us, and whether that was seen in their urls."""
    seen = tuple(_telling(status, lambda url: _is_ours(url, port)))
    return seen or tuple(_telling(status, lambda url: url == HIDDEN)), bool(seen)


def _telling(status: RemoteStatus, holds: Callable[[str], bool]) -> Iterator[str]:
    return (name for name, urls in status.webhooks.items() if any(map(holds, urls)))


def _is_ours(url: str, port: int) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.port
    except ValueError:  # no number of a port
        return False
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and named == port


def _routing(status: RemoteStatus, url: str, receivers: Collection[str]) -> Routing | None:
    try:
        whole = parse_routing(status.config, url)
    except RoutingError:
        return None  # it runs on it: only the waits are not known
    kept = {name: found if name in receivers else () for name, found in whole.receivers.items()}
    return replace(whole, receivers=kept)


def _listen(port: int, on_notification: Callable[[Notification], None], clock: Clock) -> Receiver:
    try:
        return Receiver(on_notification, clock=clock, port=port)
    except OSError as error:
        raise MachineError(
            f"cannot be listened to: {error.strerror}",
            path=f"127.0.0.1:{port}",
            fix="end what listens there, or choose another with --receiver-port and in the"
            " Alertmanager's configuration",
        ) from error


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _names(receivers: Collection[str]) -> str:
    return ", ".join(receivers) or "nobody"
