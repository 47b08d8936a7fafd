"""Prometheus's JSON to our types. What is not as the API documents it is a `ValueError`,
`TypeError` or `LookupError`.

Source: the HTTP API of Prometheus 2.42 and 3 (`/api/v1/rules`, `/targets`, `/query`). Times are
Unix seconds of Prometheus's own clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rundrill.detection.alerts import AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.promql import Vector

Json = Any  # what json.loads gave: looked at here and nowhere else
_NEVER: Final = "0001-01-01T"
_STATUS: Final = {status.value: status for status in AlertStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlert:
    """One pending or firing series of a rule; `active_at` is when its expression first held."""

    labels: Labels
    status: AlertStatus
    active_at: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRule:
    """A rule as Prometheus has it. `evaluated` is None before its first evaluation.

    `for_s`, `keep_firing_for_s`, `status` and `alerts` are those of an alerting rule.
    """

    name: str
    alerting: bool
    group: str
    interval_s: float
    query: str
    for_s: float
    keep_firing_for_s: float
    status: AlertStatus
    alerts: tuple[ActiveAlert, ...]
    error: str | None
    evaluated: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTarget:
    """A scrape target as Prometheus has it; `error` is None unless its last scrape failed."""

    job: str
    instance: str
    error: str | None
    scraped: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSeries:
    """The samples of one series with their own times."""

    labels: Labels
    times: tuple[float, ...]


def rules(data: Json) -> list[SeenRule]:
    """`/api/v1/rules`, in order."""
    return [_rule(rule, group) for group in _list(data, "groups") for rule in _list(group, "rules")]


def targets(data: Json) -> list[SeenTarget]:
    """`/api/v1/targets?state=active`. One that was not scraped yet has no error."""
    return [
        SeenTarget(
            job=labels.value("job"),
            instance=labels.value("instance"),
            error=(_text(one, "lastError") or "down") if _text(one, "health") == "down" else None,
            scraped=_time(_text(one, "lastScrape")),
        )
        for one in _list(data, "activeTargets")
        for labels in [_labels(one, "labels")]
    ]


def vector(data: Json) -> Vector:
    """The answer to an instant query of an instant vector or a scalar."""
    kind, result = _text(data, "resultType"), _get(data, "result")
    if kind == "scalar":
        return [(Labels(), _value(result)[1])]
    if kind != "vector":
        raise ValueError(f"a result of type {kind}, not a vector")
    return [(_labels(one, "metric"), _value(_get(one, "value"))[1]) for one in _items(result)]


def raw_series(data: Json) -> list[RawSeries]:
    """The answer to an instant query of a range selector: every sample with its own time."""
    if _text(data, "resultType") != "matrix":
        raise ValueError("not a range of samples")
    return [
        RawSeries(
            labels=_labels(one, "metric"),
            times=tuple(_value(pair)[0] for pair in _list(one, "values")),
        )
        for one in _list(data, "result")
    ]


def text(data: Json) -> str:
    """`/api/v1/format_query`."""
    if not isinstance(data, str):
        raise TypeError("not a text")
    return data


def version(data: Json) -> str:
    """`/api/v1/status/buildinfo`."""
    return _text(data, "version")


def alertmanagers(data: Json) -> list[str]:
    """`/api/v1/alertmanagers`: those that are in use."""
    return [_text(one, "url") for one in _list(data, "activeAlertmanagers")]


def clock(data: Json) -> float:
    """The answer to an instant query of `time()`."""
    [(_, now)] = vector(data)
    return now


def _rule(rule: Json, group: Json) -> SeenRule:
    kind = _text(rule, "type")
    if kind not in ("alerting", "recording"):
        raise ValueError(f"a rule of type {kind!r}")
    alerting = kind == "alerting"
    failed = _text(rule, "health") == "err"
    return SeenRule(
        name=_text(rule, "name"),
        alerting=alerting,
        group=_text(group, "name"),
        interval_s=_number(group, "interval"),
        query=_text(rule, "query"),
        for_s=_number(rule, "duration") if alerting else 0.0,
        # Only since 2.42.
        keep_firing_for_s=_number(rule, "keepFiringFor") if "keepFiringFor" in rule else 0.0,
        status=_status(_text(rule, "state")) if alerting else AlertStatus.INACTIVE,
        alerts=tuple(_active(_list(rule, "alerts"))) if alerting else (),
        error=(rule.get("lastError") or "the evaluation failed") if failed else None,
        evaluated=_time(_text(rule, "lastEvaluation")),
    )


def _active(alerts: Sequence[Json]) -> Iterator[ActiveAlert]:
    for one in alerts:
        since = _time(_text(one, "activeAt"))
        if since is None:
            raise ValueError("an active alert without a time")
        yield ActiveAlert(
            labels=_labels(one, "labels"),
            status=_status(_text(one, "state")),
            active_at=since,
            value=float(_text(one, "value")),
        )


def _status(text: str) -> AlertStatus:
    if text not in _STATUS:
        raise ValueError(f"an alert that is {text!r}")
    return _STATUS[text]


def _time(text: str) -> float | None:
    """RFC 3339 with up to nanoseconds; None for Go's zero time."""
    return None if text.startswith(_NEVER) else datetime.fromisoformat(text).timestamp()


def _value(pair: Json) -> tuple[float, float]:
    at, value = _items(pair)
    return float(at), float(value)


def _get(data: Json, key: str) -> Json:
    if not isinstance(data, dict) or key not in data:
        raise LookupError(f"no `{key}`")
    return data[key]


def _text(data: Json, key: str) -> str:
    found = _get(data, key)
    if not isinstance(found, str):
        raise TypeError(f"`{key}` is no text")
    return found


def _number(data: Json, key: str) -> float:
    found = _get(data, key)
    if not isinstance(found, int | float):
        raise TypeError(f"`{key}` is no number")
    return float(found)


def _list(data: Json, key: str) -> list[Json]:
    return _items(_get(data, key))


def _items(found: Json) -> list[Json]:
    if not isinstance(found, list):
        raise TypeError("not a list")
    return found


def _labels(data: Json, key: str) -> Labels:
    found = _get(data, key)
    if not isinstance(found, Mapping) or not all(isinstance(v, str) for v in found.values()):
        raise TypeError(f"`{key}` are no labels")
    return Labels(found)
