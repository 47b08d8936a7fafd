"""A message about a group of alerts, and Alertmanager's webhook body for it (version 4)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rundrill.detection.labels import Labels

VERSION: Final = "4"
_NEVER: Final = "0001-01-01T00:00:00Z"
_FNV_OFFSET: Final = 14695981039346656037
_FNV_PRIME: Final = 1099511628211
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One series that fires, or did until `ends_at`. Times are seconds of one clock."""

    labels: Labels
    starts_at: float
    ends_at: float | None = None

    @property
    def firing(self) -> bool:
        return self.ends_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one integration of a receiver is to be told. `number` tells it from all others.

    `give_up_at` is when it is no longer tried: the group has its next turn then.
    """

    number: int
    receiver: str
    group_key: str
    group_labels: Labels
    alerts: tuple[Alert, ...]
    truncated: int
    give_up_at: float

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.firing)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAlert:
    """One alert of a message that came in. `starts_at` is Unix time."""

    labels: Mapping[str, str]
    firing: bool
    starts_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that had come in completely at `at`, by the clock of whoever received it."""

    at: float
    receiver: str
    group_key: str
    firing: bool
    alerts: tuple[ToldAlert, ...]


def body(message: Message, wall_offset_s: float) -> bytes:
    """The JSON of it. `wall_offset_s` plus the clock is Unix time.

    Annotations are left out: they are Go templates, which only a real Prometheus fills in.
    """
    return json.dumps(
        {
            "version": VERSION,
            "groupKey": message.group_key,
            "truncatedAlerts": message.truncated,
            "status": "firing" if message.firing else "resolved",
            "receiver": message.receiver,
            "groupLabels": dict(message.group_labels),
            "commonLabels": _common(alert.labels for alert in message.alerts),
            "commonAnnotations": {},
            "externalURL": "",
            "alerts": [_alert(alert, wall_offset_s) for alert in message.alerts],
        },
        ensure_ascii=False,
    ).encode()


def read_body(text: bytes, at: float) -> Notification:
    """A body of version 4, ours or a real Alertmanager's. Raises `ValueError` on anything else."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"not a webhook message of version {VERSION}")
    try:
        return Notification(
            at=at,
            receiver=str(found["receiver"]),
            group_key=str(found["groupKey"]),
            firing=found["status"] == "firing",
            alerts=tuple(_told(one) for one in found["alerts"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a whole message: {error}") from None


def fingerprint(labels: Mapping[str, str]) -> str:
    """Prometheus's: FNV-1a of the sorted names and values, in 16 hexadecimal digits."""
    value = _FNV_OFFSET
    for name, text in sorted(labels.items()):
        for byte in b"\xff".join((name.encode(), text.encode(), b"")):
            value = (value ^ byte) * _FNV_PRIME % 2**64
    return f"{value:016x}"


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """By job and instance where there are any, then by all labels, as Alertmanager sends them."""

    def key(alert: Alert) -> tuple[object, ...]:
        own = [(name not in alert.labels, alert.labels.value(name)) for name in ("job", "instance")]
        return (*own, tuple(alert.labels.items()))

    return tuple(sorted(alerts, key=key))


def _told(one: Mapping[str, Any]) -> ToldAlert:
    labels = {str(name): str(value) for name, value in one["labels"].items()}
    return ToldAlert(
        labels=labels, firing=one["status"] == "firing", starts_at=_unix_time(one["startsAt"])
    )


def _alert(alert: Alert, wall_offset_s: float) -> dict[str, object]:
    return {
        "status": "firing" if alert.firing else "resolved",
        "labels": dict(alert.labels),
        "annotations": {},
        "startsAt": _rfc3339(alert.starts_at + wall_offset_s),
        "endsAt": _NEVER if alert.ends_at is None else _rfc3339(alert.ends_at + wall_offset_s),
        "generatorURL": "",
        "fingerprint": fingerprint(alert.labels),
    }


def _common(labels: Iterable[Labels]) -> dict[str, str]:
    first, *others = labels
    return {k: v for k, v in first.items() if all(one.get(k) == v for one in others)}


def _rfc3339(unix: float) -> str:
    return (
        datetime.fromtimestamp(unix, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )


def _unix_time(text: str) -> float:
    """Of RFC 3339. Go writes up to nine digits of a second, which Python does not read."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time: {text!r}")
    whole, fraction, zone = found.groups()
    base = datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp()
    return base + float(fraction or 0.0)
