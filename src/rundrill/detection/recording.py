"""Reads what `recorder` has written. A torn end, as a killed runner leaves it, is cut off."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql import Dialect
from rundrill.detection.recorder import FORMAT
from rundrill.detection.rules import RuleSet, parse_rules
from rundrill.errors import RundrillError

_GZIP = 31


@dataclass(frozen=True, slots=True)
class Round:
    """One scrape of every target, and when the rules were evaluated after it.

    `changed` has series by their number, and `ended` the numbers of those that are gone; every
    other series of the round before has its value once more.
    """

    scraped_ms: int
    evaluated: float
    changed: Mapping[int, float]
    ended: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded stretch of detection. Times are of the clock of the run.

    `drills` has the start of each drill by its run id, `heard` from when it heard of alerts;
    `torn` is True when the file does not end as it should.
    """

    path: Path
    interval_s: float
    compression: float
    dialect: Dialect
    wall_offset_s: float
    rules_path: str
    rules_text: str = field(repr=False)
    series: Sequence[Labels] = field(repr=False)
    rounds: Sequence[Round] = field(repr=False)
    drills: Mapping[str, float]
    heard: Mapping[str, float]
    torn: bool

    def rules(self) -> RuleSet:
        """The rules that were evaluated in the run."""
        return parse_rules(self.rules_text, self.rules_path, self.dialect)

    def metrics(self, until: float) -> frozenset[str]:
        """The names of all metrics that had a sample by then."""
        seen: set[int] = set()
        for one in self.rounds:
            if one.evaluated > until:
                break
            seen.update(one.changed)
        return frozenset(self.series[number].value(METRIC_NAME) for number in seen)


def present(rounds: Sequence[Round]) -> Iterator[tuple[Round, Mapping[int, float]]]:
    """Each round with the value of every series in it. The mapping is one and changes."""
    values: dict[int, float] = {}
    for one in rounds:
        for number in one.ended:
            values.pop(number, None)
        values.update(one.changed)
        yield one, values


def read_recording(path: Path) -> Recording:
    """Raises `RundrillError` when the file cannot be read, or is none of a recorder."""
    text, torn = _unpacked(path)
    lines = text.split("\n")
    torn = torn or bool(lines[-1])
    header: Mapping[str, Any] | None = None
    series: list[Labels] = []
    rounds: list[Round] = []
    drills: dict[str, float] = {}
    heard: dict[str, float] = {}
    for number, line in enumerate(lines[:-1], start=1):
        try:
            body = json.loads(line)
            if header is None:
                header = _checked(body)
            elif "drill" in body:
                drills[str(body["drill"])] = float(body["started"])
                heard[str(body["drill"])] = float(body["heard"])
            else:
                series += map(Labels, body.get("series", ()))
                rounds.append(_round(body, len(series)))
        except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
            raise RundrillError(
                f"not a recording of samples: {error}",
                path=path,
                line=number,
                fix="the file was edited, or is of another version",
            ) from error
    if header is None:
        raise RundrillError(
            "the recording is empty", path=path, fix="the run was cut off at once: take another"
        )
    return Recording(
        path=path,
        interval_s=header["interval_s"],
        compression=header["compression"],
        dialect=Dialect(header["dialect"]),
        wall_offset_s=header["wall_offset_s"],
        rules_path=header["rules_path"],
        rules_text=header["rules"],
        series=series,
        rounds=rounds,
        drills=drills,
        heard=heard,
        torn=torn,
    )


def _unpacked(path: Path) -> tuple[str, bool]:
    """The text up to where the file ends, and whether it ended too early."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        data = unpacker.decompress(path.read_bytes())
    except OSError as error:
        raise RundrillError(
            f"the samples cannot be read: {error.strerror}", path=path, fix="name a run's folder"
        ) from error
    except zlib.error as error:
        raise RundrillError(
            f"the samples are damaged: {error}", path=path, fix="copy the run's folder again"
        ) from error
    return data.decode("utf-8", "surrogatepass"), not unpacker.eof


def _checked(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if body.get("format") != FORMAT:
        raise ValueError(f"the format is {body.get('format')!r}, not {FORMAT!r}")
    for name, kind in (
        ("interval_s", float),
        ("compression", float),
        ("wall_offset_s", float),
        ("rules_path", str),
        ("rules", str),
    ):
        if not isinstance(body[name], kind | int if kind is float else kind):
            raise TypeError(f"{name} is {body[name]!r}")
    Dialect(body["dialect"])
    return body


def _round(body: Mapping[str, Any], series: int) -> Round:
    scraped_ms, evaluated = body["round"]
    values = body.get("values", [])
    changed = {int(n): float(value) for n, value in zip(values[::2], values[1::2], strict=True)}
    ended = [int(number) for number in body.get("ended", ())]
    if any(not 0 <= number < series for number in (*changed, *ended)):
        raise LookupError("a value of a series that was never named")
    return Round(int(scraped_ms), float(evaluated), changed, ended)
