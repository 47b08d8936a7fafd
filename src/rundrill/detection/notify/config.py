"""alertmanager.yml to a frozen Routing. What is not supported is refused with its place.

How a receiver is reached (urls, keys, templates, `global`) is not looked at: the embedded notifier
rings no real pager, so every receiver is replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from rundrill.base import document
from rundrill.base.document import Node, nearest
from rundrill.detection.durations import seconds
from rundrill.detection.labels import LABEL_NAME
from rundrill.detection.notify.matchers import (
    Matcher,
    MatcherError,
    matcher,
    parse_matchers,
    text_of,
)
from rundrill.detection.notify.routing import Inhibition, Integration, Route, Routing
from rundrill.errors import RoutingError

SEND_RESOLVED: Final = {
    "discord_configs": True,
    "email_configs": False,
    "msteams_configs": True,
    "opsgenie_configs": True,
    "pagerduty_configs": True,
    "pushover_configs": True,
    "slack_configs": False,
    "sns_configs": True,
    "telegram_configs": True,
    "victorops_configs": True,
    "webex_configs": True,
    "webhook_configs": True,
    "wechat_configs": False,
}
"""Every kind of integration with its default of `send_resolved`, as in Alertmanager's manual."""

_ALL: Final = "..."
_NOT_SUPPORTED: Final = "take it out of the copy that drills use"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inherited:
    receiver: str
    group_by: frozenset[str] | None
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    key: str


def load_routing(path: Path) -> Routing:
    """Reads a configuration. Raises `RoutingError` with path, line, column, problem and fix."""
    return _Reader(document.read(path, RoutingError), path).routing()


def parse_routing(text: str, path: str = "alertmanager.yml") -> Routing:
    """`load_routing` for a text; `path` is for messages."""
    return _Reader(document.parse(text, Path(path), RoutingError), Path(path)).routing()


class _Reader:
    def __init__(self, root: Node, path: Path) -> None:
        self._root = root
        self._path = path
        self._numbers = count()
        self._receivers: dict[str, tuple[Integration, ...]] = {}

    def routing(self) -> Routing:
        root = self._root
        for key in ("global", "templates", "time_intervals", "mute_time_intervals"):
            root.find(key)  # how, not when and to whom; an interval counts where a route names it
        rules = root.find("inhibit_rules")
        inhibitions = tuple(_inhibition(n) for n in (() if rules is None else rules.elements()))
        for node in root.get("receivers").elements():
            self._receiver(node)
        top = root.get("route")
        for key in ("match", "match_re", "matchers", "continue"):
            found = top.find(key)
            if found is not None and found.plain:
                raise found.fail(
                    f"the top route must not have `{key}`", "every alert begins there: move it"
                )
        inherited = _Inherited(
            receiver=top.get("receiver").text,
            group_by=frozenset(),
            group_wait_s=30.0,
            group_interval_s=300.0,
            repeat_interval_s=4 * 3600.0,
            key="",
        )
        route = self._route(top, inherited)
        root.close()
        return Routing(
            path=str(self._path),
            root=route,
            receivers=self._receivers,
            inhibitions=inhibitions,
        )

    def _receiver(self, node: Node) -> None:
        name = node.get("name")
        if name.text in self._receivers:
            raise name.fail(f"receiver `{name.text}` is there twice", "rename one")
        found: list[Integration] = []
        for kind, resolved in SEND_RESOLVED.items():
            configs = node.find(kind)
            items = () if configs is None else configs.elements()
            found += [_integration(one, kind, resolved) for one in items]
        node.close()
        self._receivers[name.text] = tuple(found)

    def _route(self, node: Node, above: _Inherited) -> Route:
        number = next(self._numbers)
        for key in ("mute_time_intervals", "active_time_intervals"):
            found = node.find(key)
            if found is not None and found.plain:
                raise found.fail(f"`{key}` is not supported", _NOT_SUPPORTED)
        receiver = node.find("receiver")
        if receiver is not None and receiver.text not in self._receivers:
            raise receiver.fail(
                f"there is no receiver `{receiver.text}`", nearest(receiver.text, self._receivers)
            )
        matchers = tuple(sorted(_matchers(node), key=lambda m: (m.name, m.value, m.operator)))
        # In the key of a group each route stands with its matchers, from the top down.
        key = f"{above.key}/{text_of(matchers)}" if above.key else text_of(matchers)
        group_by = node.find("group_by")
        here = _Inherited(
            receiver=above.receiver if receiver is None else receiver.text,
            group_by=above.group_by if group_by is None else _group_by(group_by),
            group_wait_s=_duration(node, "group_wait", above.group_wait_s, zero=True),
            group_interval_s=_duration(node, "group_interval", above.group_interval_s),
            repeat_interval_s=_duration(node, "repeat_interval", above.repeat_interval_s),
            key=key,
        )
        continues, children = node.find("continue"), node.find("routes")
        routes = tuple(
            self._route(child, here) for child in (() if children is None else children.elements())
        )
        node.close()
        return Route(
            number=number,
            receiver=here.receiver,
            matchers=matchers,
            continues=continues is not None and _truth(continues),
            group_by=here.group_by,
            group_wait_s=here.group_wait_s,
            group_interval_s=here.group_interval_s,
            repeat_interval_s=here.repeat_interval_s,
            key=here.key,
            routes=routes,
        )


def _integration(node: Node, kind: str, resolved: bool) -> Integration:
    said = dict(node.items())
    most = said.get("max_alerts")
    if most is not None and not (most.number.is_integer() and most.number >= 0):
        raise most.fail(f"expected a whole number, found {most.text}", "0 means all")
    return Integration(
        kind=kind,
        send_resolved=_truth(said["send_resolved"]) if "send_resolved" in said else resolved,
        max_alerts=0 if most is None else int(most.number),
    )


def _inhibition(node: Node) -> Inhibition:
    equal = node.find("equal")
    found = Inhibition(
        source=tuple(_matchers(node, "source_")),
        target=tuple(_matchers(node, "target_")),
        equal=frozenset(
            _label(one.text, one) for one in (() if equal is None else equal.elements())
        ),
    )
    node.close()
    return found


def _matchers(node: Node, prefix: str = "") -> Iterator[Matcher]:
    """All three ways to write them; `match` and `match_re` are the old ones."""
    written = node.find(f"{prefix}matchers")
    for one in () if written is None else written.elements():
        try:
            yield from parse_matchers(one.text)
        except MatcherError as error:
            raise one.fail(str(error), """write it as `severity="critical"`""") from None
    for key, operator in (("match", "="), ("match_re", "=~")):
        pairs = node.find(prefix + key)
        for name, value in () if pairs is None else pairs.items():
            try:
                yield matcher(_label(name, value), operator, value.text)
            except MatcherError as error:
                raise value.fail(str(error), "write it without what is not supported") from None


def _label(name: str, node: Node) -> str:
    if not LABEL_NAME.fullmatch(name):
        raise node.fail(f"not a label name: {name!r}", "use letters, digits and _")
    return name


def _group_by(node: Node) -> frozenset[str] | None:
    names = [(one.text, one) for one in node.elements()]
    if any(name == _ALL for name, _ in names):
        if len(names) > 1:
            raise node.fail(f"`{_ALL}` stands beside other labels", "it means all: leave it alone")
        return None
    return frozenset(_label(name, one) for name, one in names)


def _duration(node: Node, key: str, inherited: float, *, zero: bool = False) -> float:
    written = node.find(key)
    if written is None:
        return inherited
    found = seconds(written.text)
    if found is None or (found == 0.0 and not zero):
        problem = "cannot be zero" if found == 0.0 else f"is no duration: {written.text!r}"
        raise written.fail(f"`{key}` {problem}", "write it like 30s, 5m or 1h30m")
    return found


def _truth(node: Node) -> bool:
    if node.text not in ("true", "false"):
        raise node.fail(f"expected true or false, found {node.text!r}")
    return node.text == "true"
