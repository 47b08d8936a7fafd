"""A real Alertmanager asked over its API: what it is, whom it tells, what is active in it."""

import http.client
import json
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args

import yaml

from rundrill.base.web import MOST_BYTES, opener, shown_if_unusable
from rundrill.errors import RoutingError

HIDDEN: Final = "<secret>"
"""What later Alertmanagers (0.26) show instead of the url of a webhook."""
_ANSWER_S: Final = 5.0

State = Literal["active", "suppressed", "unprocessed"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAlert:
    """One alert that an Alertmanager holds, with the receivers that its routes lead to.

    `suppressed` alerts are told to nobody: `silenced_by` are ids of silences, `inhibited_by`
    fingerprints of other alerts. `unprocessed` ones have not come to their groups yet.
    """

    labels: Mapping[str, str]
    receivers: tuple[str, ...]
    state: State
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStatus:
    """`cluster` is ready, settling or disabled (alone). `config` is what it runs on, as YAML.

    `webhooks` are the urls of each receiver that has any; later versions show `HIDDEN`.
    """

    version: str
    cluster: str
    config: str
    webhooks: Mapping[str, tuple[str, ...]]


class AlertmanagerApi:
    """At `url`, with or without a path in front. Raises `RoutingError` for no address."""

    def __init__(self, url: str, *, timeout_s: float = _ANSWER_S) -> None:
        shown = shown_if_unusable(url)
        if shown is not None:
            raise RoutingError(
                f"not the address of an Alertmanager: {shown!r}",
                fix="write it as http://host:9093, without a user",
            )
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._opener = opener(url)

    def alerts(self) -> tuple[RemoteAlert, ...]:
        """All that fire there now. Raises `RoutingError` when it does not answer as one does."""
        return self._ask("/api/v2/alerts", lambda found: tuple(_alert(one) for one in found))

    def status(self) -> RemoteStatus:
        """Raises as `alerts` does."""
        return self._ask("/api/v2/status", _status)

    def _ask(self, path: str, read: Callable[[Any], T]) -> T:
        url = self.url + path
        try:
            with self._opener.open(url, timeout=self._timeout_s) as answer:
                text = answer.read(MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            raise RoutingError(
                f"the Alertmanager does not answer: {error}", path=url, fix="see that it is up"
            ) from error
        try:
            return read(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise RoutingError(
                f"not an Alertmanager's answer: {error}", path=url, fix="see what answers there"
            ) from error


def _alert(one: Mapping[str, Any]) -> RemoteAlert:
    status = one["status"]
    if status["state"] not in get_args(State):
        raise ValueError(f"no state of an alert: {status['state']!r}")
    return RemoteAlert(
        labels={str(name): str(value) for name, value in one["labels"].items()},
        receivers=tuple(receiver["name"] for receiver in one["receivers"]),
        state=status["state"],
        silenced_by=tuple(status["silencedBy"]),
        inhibited_by=tuple(status["inhibitedBy"]),
    )


def _status(found: Mapping[str, Any]) -> RemoteStatus:
    config = str(found["config"]["original"])
    receivers = {
        str(one["name"]): tuple(
            str(webhook.get("url", HIDDEN)) for webhook in one.get("webhook_configs") or ()
        )
        for one in yaml.safe_load(config)["receivers"]
    }
    return RemoteStatus(
        version=str(found["versionInfo"]["version"]),
        cluster=str(found["cluster"]["status"]),
        config=config,
        webhooks={name: urls for name, urls in receivers.items() if urls},
    )
