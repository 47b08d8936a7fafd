"""A real Alertmanager asked over its API (`/api/v2/alerts`): what is active, and for whom."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from rundrill.detection.notify.message import unix_time
from rundrill.errors import TargetError

_ANSWER_S: Final = 5.0
_MOST_BYTES: Final = 64 * 1024 * 1024

State = Literal["active", "suppressed", "unprocessed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAlert:
    """One alert that an Alertmanager holds, with the receivers that its routes lead to.

    `suppressed` alerts are told to nobody: `silenced_by` are ids of silences, `inhibited_by`
    fingerprints of other alerts. `unprocessed` ones have not come to their groups yet. `starts_at`
    is Unix time.
    """

    labels: Mapping[str, str]
    receivers: tuple[str, ...]
    state: State
    starts_at: float
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()


class AlertmanagerApi:
    """At `url`, with or without a path in front. Raises `TargetError` for no address."""

    def __init__(self, url: str, *, timeout_s: float = _ANSWER_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TargetError(
                f"not the address of an Alertmanager: {url!r}",
                fix="write it as http://host:9093",
            )
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    def alerts(self) -> tuple[RemoteAlert, ...]:
        """All that fire there now. Raises `TargetError` when it does not answer as one does."""
        url = f"{self._url}/api/v2/alerts"
        try:
            with urllib.request.urlopen(url, timeout=self._timeout_s) as answer:  # noqa: S310 - http by the check above
                text = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise TargetError(
                f"the Alertmanager does not answer: {error}", path=url, fix="see that it is up"
            ) from error
        try:
            return tuple(_alert(one) for one in json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TargetError(
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
        starts_at=unix_time(one["startsAt"]),
        silenced_by=tuple(status["silencedBy"]),
        inhibited_by=tuple(status["inhibitedBy"]),
    )
