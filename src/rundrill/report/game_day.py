"""Several drills, one report: the answer of each in one line, the worst of them at the top.

Each drill keeps its own report; this one is made of their events alone, so the folder is enough
to make it again. The order of the folders (`01-crash-loop`, `02-...`) is the order of the day.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from rundrill import events as e
from rundrill.base import units
from rundrill.errors import RundrillError
from rundrill.model import (
    Attribution,
    Finding,
    GameDayOutcome,
    GameDayWord,
    Outcome,
    Times,
    Verdict,
)
from rundrill.report import html, json_report, junit
from rundrill.report.arms import Comparison, compare
from rundrill.report.text import one_line
from rundrill.report.tone import Tone, tone
from rundrill.verdict import exit_code, game_day_outcome, headline, judge

EVENTS: Final = "events.jsonl"
CONTROL: Final = "control"
SCHEMA: Final = "rundrill.game-day/1"
DAY_TONES: Final[Mapping[GameDayWord, Tone]] = {
    "held": "held",
    "accepted": "accepted",
    "broken": "broken",
    "noisy": "broken",
    "invalid": "invalid",
    "aborted": "aborted",
    "silent": "plain",
}
_NUMBERED: Final = re.compile(r"(\d+)-.+")


@dataclass(frozen=True, kw_only=True)
class GameDayEntry:
    """One drill of the day. `folder` is relative to the day's; without events it was not run.

    `control` holds the events of its control arm: empty when that was asked for and not run, None
    when nobody asked. `why_not_run` is one sentence, for a drill without events.
    """

    name: str
    folder: Path
    events: Sequence[e.Event] = ()
    control: Sequence[e.Event] | None = None
    why_not_run: str = ""

    @cached_property
    def started(self) -> e.DrillStarted | None:
        return next((event for event in self.events if isinstance(event, e.DrillStarted)), None)

    @cached_property
    def verdict(self) -> Verdict | None:
        """None for a drill that was not run, or was cut off before it began."""
        return None if self.started is None else judge(self.events)

    @cached_property
    def comparison(self) -> Comparison | None:
        if self.started is None or self.control is None or self.started.plan.arm != "drill":
            return None
        return compare(self.events, self.control)

    @property
    def attribution(self) -> Attribution | None:
        return None if self.comparison is None else self.comparison.attribution

    @property
    def control_verdict(self) -> Verdict | None:
        return None if self.comparison is None else self.comparison.verdict

    @property
    def title(self) -> str:
        return self.name if self.started is None else self.started.plan.title

    @property
    def experiment(self) -> str | None:
        return None if self.started is None else self.started.plan.experiment_path

    @property
    def answer(self) -> str:
        """The verdict in a few words."""
        return "not run" if self.verdict is None else headline(self.verdict, self.control_verdict)

    @property
    def tone(self) -> Tone:
        return "invalid" if self.verdict is None else tone(self.verdict, self.control_verdict)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why, what was accepted, what the control arm broke, and whether the procedure helped."""
        if self.verdict is None:
            return (self.why_not_run or "it was not run",)
        told = [self.verdict.reason, self.verdict.acceptance_reason]
        if self.comparison is not None and self.comparison.problem:
            told.append(f"the control arm failed: {self.comparison.problem}")
        if self.attribution is not None:
            told.append(f"was it the procedure? {self.attribution.sentence}")
        return tuple(filter(None, told))

    @property
    def detected_s(self) -> float | None:
        """From the injection to the alert, in seconds of the run."""
        times = Times() if self.verdict is None else self.verdict.times
        return _between(times.injected, times.firing)

    @property
    def recovered_s(self) -> float | None:
        """From the alert to the recovery, in seconds of the run."""
        times = Times() if self.verdict is None else self.verdict.times
        return _between(times.firing, times.recovered)

    @property
    def scale(self) -> units.Scale:
        return units.Scale(1.0 if self.started is None else self.started.plan.compression)

    @property
    def took_s(self) -> float:
        return max((event.at for event in self.events), default=0.0)


def outcome_of(entries: Sequence[GameDayEntry]) -> GameDayOutcome:
    """The worst of the drills and of what their control arms broke; not run never passes."""
    return game_day_outcome(
        [(entry.name, entry.verdict) for entry in entries],
        [entry.control_verdict for entry in entries],
    )


def is_game_day(folder: Path) -> bool:
    """Whether the folder holds drills in numbered folders, and no drill of its own."""
    return not (folder / EVENTS).exists() and bool(_numbered(folder))


def read_game_day(folder: Path) -> list[GameDayEntry]:
    """The drills of a day in their order. Raises `RundrillError` when there is none."""
    numbered = _numbered(folder)
    if not numbered:
        raise RundrillError(
            "there is no drill of a game day", path=folder, fix="name a folder of runs/"
        )
    entries: list[GameDayEntry] = []
    for place in numbered:
        events = _read(place)
        began = any(isinstance(event, e.DrillStarted) for event in events)
        entries.append(
            GameDayEntry(
                name=place.name.partition("-")[2],
                folder=place.relative_to(folder),
                events=events if began else (),
                control=_read(place / CONTROL) if (place / CONTROL).is_dir() else None,
                why_not_run="" if began else _why(entries),
            )
        )
    return entries


def render_html(entries: Sequence[GameDayEntry], outcome: GameDayOutcome) -> str:
    """The page as text: offline, without a script."""
    started = [entry.started for entry in entries if entry.started is not None]
    return (
        html.environment()
        .get_template("game_day.html.j2")
        .render(
            entries=entries,
            outcome=outcome,
            tone=DAY_TONES[outcome.outcome],
            both=html.both,
            plan=started[0].plan if started else None,
            wall_time=started[0].wall_time if started else None,
            compared=any(entry.attribution is not None for entry in entries),
            accepted=[entry for entry in entries if entry.answer == "broken, accepted"],
            findings=[
                (entry, finding)
                for entry in entries
                if entry.verdict is not None
                for finding in (*entry.verdict.findings, *_own_finding(entry))
                if finding.severity != "note"
            ],
            took_s=sum(entry.took_s for entry in entries),
        )
    )


def render_json(entries: Sequence[GameDayEntry], outcome: GameDayOutcome) -> str:
    """`drills` are whole reports of the single drills; `report` is null where it was not run."""
    return json_report.to_text(
        {
            "schema": SCHEMA,
            **asdict(outcome),
            "drills": [
                {
                    "name": entry.name,
                    "folder": entry.folder.as_posix(),
                    "answer": entry.answer,
                    "exit_code": exit_code(entry.verdict, entry.control_verdict),
                    "why_not_run": None if entry.verdict else entry.sentences[0],
                    "report": (
                        None
                        if entry.verdict is None
                        else json_report.body(entry.events, entry.verdict, entry.comparison)
                    ),
                }
                for entry in entries
            ],
        }
    )


def render_junit(entries: Sequence[GameDayEntry], outcome: GameDayOutcome) -> str:
    """A suite of the day with one case a drill, then the suite of each drill with its promises."""
    root = ET.Element("testsuites")
    day = ET.SubElement(root, "testsuite")
    properties = ET.SubElement(day, "properties")
    for name, value in (("outcome", outcome.outcome), ("reason", outcome.reason)):
        ET.SubElement(properties, "property", name=name, value=one_line(value))
    for number, entry in enumerate(entries, start=1):
        case = ET.SubElement(
            day,
            "testcase",
            classname="rundrill.game-day",
            name=one_line(entry.name),
            time=f"{entry.took_s:.3f}",
        )
        if entry.verdict is None:
            why = one_line(entry.sentences[0])
            ET.SubElement(case, "error", type="not run", message=f"not run: {why}").text = why
        else:
            junit.answer(case, entry.verdict, entry.comparison)
            root.append(junit.suite_of(entry.events, entry.verdict, number, entry.comparison))
    ET.SubElement(day, "system-out").text = "\n".join(
        f"{entry.name}: {entry.answer}: {one_line('; '.join(entry.sentences), 600)}"
        for entry in entries
    )
    ET.SubElement(day, "system-err").text = ""
    started = [entry.started for entry in entries if entry.started is not None]
    junit.describe(
        day,
        name="game day",
        number=0,
        hostname=(one_line(started[0].plan.target) if started else "") or "localhost",
        wall_time=started[0].wall_time if started else "",
        seconds=sum(entry.took_s for entry in entries),
    )
    return junit.to_text(root)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _own_finding(entry: GameDayEntry) -> Iterable[Finding]:
    finding = None if entry.attribution is None else entry.attribution.finding
    return () if finding is None else (finding,)


def _numbered(folder: Path) -> list[Path]:
    found = (
        [place for place in folder.iterdir() if place.is_dir() and _NUMBERED.fullmatch(place.name)]
        if folder.is_dir()
        else []
    )
    return sorted(found, key=lambda place: (int(place.name.partition("-")[0]), place.name))


def _read(place: Path) -> Sequence[e.Event]:
    path = place / EVENTS
    return e.read(path) if path.is_file() else ()


def _why(earlier: Sequence[GameDayEntry]) -> str:
    """What ended the day before this drill, as far as the drills before it tell."""
    for entry in reversed(earlier):
        if entry.verdict is None:
            continue
        arms = [(entry.name, entry.verdict, entry.events)]
        if entry.control_verdict is not None and entry.control:
            arms.append((f"the control arm of {entry.name}", entry.control_verdict, entry.control))
        told = [why for arm in reversed(arms) if (why := _stopped_by(*arm))]
        return told[0] if told else f"the day ended after {arms[-1][0]}"
    return "the day ended before it"


def _stopped_by(name: str, verdict: Verdict, events: Sequence[e.Event]) -> str:
    """Why no drill could follow this arm; empty when one could."""
    stopped = next((x for x in reversed(events) if isinstance(x, e.LoadStopped)), None)
    undone = next((x for x in reversed(events) if isinstance(x, e.FaultUndone)), None)
    if verdict.outcome is Outcome.ABORTED:
        return f"{name} was aborted"
    if stopped is not None and not stopped.expected:
        return f"the load died during {name}"
    if undone is not None and not undone.undone:
        return f"the fault of {name} is not undone"
    if undone is not None and undone.differences:
        return f"{name} left the target other than it was"
    return ""
