"""Progress for a person: a live line on a terminal, plain lines elsewhere.

Plain ANSI and no library: one line is rewritten in place, nothing runs in the background, and a
terminal that goes away is no reason to end a drill.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from rundrill import events as e
from rundrill.base import units
from rundrill.model import GameDayOutcome, Promise, PromiseState, Verdict
from rundrill.report.arms import Comparison
from rundrill.report.detection import one_line as detection_line
from rundrill.report.figures import NOT_COMPRESSED, by_weight
from rundrill.report.game_day import DAY_TONES, GameDayEntry
from rundrill.report.sentences import load_line, sentence
from rundrill.report.text import one_line
from rundrill.report.tone import Tone, tone
from rundrill.verdict import headline

HEARTBEAT_S: Final = 5.0
_ASCII: Final = str.maketrans(
    {"\u00d7": "x", "\u2026": "~", "\u2212": "-", "\u00b7": "|", "\u201c": '"', "\u201d": '"'}
)
_STYLES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
}
_TONE_STYLE: Final[Mapping[Tone, str]] = {
    "held": "green",
    "broken": "red",
    "accepted": "magenta",
    "invalid": "yellow",
    "aborted": "yellow",
    "plain": "bold",
}
_STATE_STYLE: Final = {
    PromiseState.HELD: "green",
    PromiseState.BROKEN: "red",
    PromiseState.UNPROVEN: "yellow",
}


class Console:
    """A listener for the event log. It never raises: what cannot be written is left out.

    `environ` is read for NO_COLOR and TERM; `columns` gives the width of the terminal.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        columns: Callable[[], int] | None = None,
    ) -> None:
        self._stream = sys.stdout if stream is None else stream
        environ = os.environ if environ is None else environ
        terminal = _is_terminal(self._stream) and environ.get("TERM", "") != "dumb"
        self._live = terminal
        self._colour = terminal and not environ.get("NO_COLOR")
        self._columns = columns or (lambda: shutil.get_terminal_size().columns)
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._lock = threading.Lock()
        self._muted = False
        self._phase = "setup"
        self._alerts: dict[str, str] = {}
        self._sample: e.LoadSampled | None = None
        self._compression = 1.0
        self._heartbeat_at = float("-inf")
        self._steady = True

    def __call__(self, event: e.Event) -> None:
        with self._lock:
            self._note(event)
            if isinstance(event, e.LoadSampled):
                self._tick(event)
            elif self._worth_a_line(event):
                self._line(f"{_clock(event.at)}  {sentence(event)}", _style(event))
            if self._live and not isinstance(event, e.DrillEnded):
                self._status(event.at)

    def summary(
        self,
        verdict: Verdict,
        report_path: Path,
        *,
        compression: float | None = None,
        comparison: Comparison | None = None,
    ) -> None:
        """The last lines: the verdict, why, the promises, and where the report is.

        `compression` is needed where this console saw no `DrillStarted`; `comparison` where a
        control arm was asked for.
        """
        attribution = None if comparison is None else comparison.attribution
        control = None if comparison is None else comparison.verdict
        style = _TONE_STYLE[tone(verdict, control)]
        with self._lock:
            scale = units.Scale(compression or self._compression)
            self._line("")
            arm = "" if verdict.arm == "drill" else f"{verdict.arm} arm: ".upper()
            self._line(
                f"{arm}{headline(verdict, control).upper()}: {one_line(verdict.reason)}",
                "bold",
                style,
            )
            if verdict.acceptance_reason:
                self._line(one_line(verdict.acceptance_reason), style)
            if comparison is not None and comparison.problem:
                told = f"The control arm failed, and the drill with it: {comparison.problem}"
                self._line(one_line(told), style)
            if attribution is not None:
                colour = "" if attribution.finding is None else "yellow"
                self._line(f"With and without the procedure: {attribution.sentence}", colour)
            if scale.compressed:
                self._line(f"Time was compressed {units.factor(scale.compression)}.", "dim")
            width = max((len(p.statement) for p in verdict.promises), default=0)
            for promise in verdict.promises:
                self._promise(promise, min(width, 70), scale)
            for detection in verdict.detections:
                if detection.role == "expected":
                    self._line(f"  detection: {one_line(detection_line(detection, scale))}")
            for finding in by_weight(verdict.findings):
                place = "" if finding.line is None else f" (runbook line {finding.line})"
                self._line(f"  {finding.severity}: {one_line(finding.text)}{place}")
            self._line(f"Report: {report_path}")

    def game_day(
        self, entries: Sequence[GameDayEntry], outcome: GameDayOutcome, report_path: Path
    ) -> None:
        """The last lines of a game day: each drill with its answer and why, then the worst."""
        with self._lock:
            self._line("")
            width = max((len(entry.name) for entry in entries), default=0)
            words = max((len(entry.answer) for entry in entries), default=0)
            for entry in entries:
                text = f"  {entry.answer.upper():<{words}}  {entry.name:<{width}}"
                found, back = (entry.scale.both(s) for s in (entry.detected_s, entry.recovered_s))
                figures = f"alert {found}, recovered {back}"
                self._line(f"{text}  {figures}" if entry.verdict else text, _TONE_STYLE[entry.tone])
                for sentence_ in entry.sentences:
                    self._line(f"      {one_line(sentence_)}")
            style = _TONE_STYLE[DAY_TONES[outcome.outcome]]
            told = f"{outcome.outcome.upper()}: {outcome.reason} (exit code {outcome.exit_code})"
            self._line(told, "bold", style)
            self._line(f"Report: {report_path}")

    def _promise(self, promise: Promise, width: int, scale: units.Scale) -> None:
        if promise.id in NOT_COMPRESSED:
            scale = units.Scale(1)
        figure = "" if promise.measured_s is None else scale.both(promise.measured_s)
        if promise.limit_s is not None:
            figure = f"{figure or 'not measured'}, limit {scale.both(promise.limit_s)}"
        text = f"  {promise.state.value:<8}  {one_line(promise.statement):<{width}}  {figure}"
        self._line(text.rstrip(), _STATE_STYLE[promise.state])
        if promise.state is not PromiseState.HELD:
            self._line(f"            {one_line(promise.evidence)}")

    def _note(self, event: e.Event) -> None:
        """Keeps what the status line shows."""
        if isinstance(event, e.DrillStarted):
            self._compression = event.plan.compression
        elif isinstance(event, e.PhaseStarted):
            self._phase = event.phase
        elif isinstance(event, e.AlertChanged):
            self._alerts[event.alert] = event.state
        elif isinstance(event, e.LoadSampled):
            self._sample = event

    def _worth_a_line(self, event: e.Event) -> bool:
        """A steady state is told when it changes, everything else whenever it happens.

        While windows still fill there is none to be told.
        """
        if not isinstance(event, e.SteadyStateSampled):
            return True
        changed, self._steady = event.holds != self._steady, event.holds
        return changed and self._phase != "setup"

    def _tick(self, sample: e.LoadSampled) -> None:
        if self._live or sample.at - self._heartbeat_at < HEARTBEAT_S:
            return
        self._heartbeat_at = sample.at
        self._line(f"{_clock(sample.at)}  {self._phase}: {load_line(sample)}")

    def _status(self, at: float) -> None:
        """The most important parts first; what does not fit is left out whole."""
        parts = [f"{_clock(at)} {self._phase}"]
        parts += [f"{name} {state}" for name, state in self._alerts.items() if state != "inactive"]
        if self._sample is not None:
            s = self._sample
            share = s.failed / s.completed if s.completed else None
            parts += [
                f"{s.issued} req/s",
                f"errors {units.ratio(share)}",
                f"p95 {units.milliseconds(s.p95_ms)}",
                f"in flight {s.in_flight}, oldest {units.seconds(s.oldest_in_flight_s)}",
            ]
        if self._compression != 1:
            parts.append(f"time {units.factor(self._compression)}")
        room = max(1, self._columns() - 1)  # the last column wraps on some terminals
        text = one_line(parts[0], room)
        for part in parts[1:]:
            longer = f"{text} \u00b7 {one_line(part)}"
            if len(longer) <= room:
                text = longer
        self._write("\r\x1b[2K" + self._styled(text, "dim"))

    def _line(self, text: str, *styles: str) -> None:
        clear = "\r\x1b[2K" if self._live else ""
        self._write(f"{clear}{self._styled(text, *styles)}\n")

    def _styled(self, text: str, *styles: str) -> str:
        codes = ";".join(_STYLES[style] for style in styles if style)
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and self._colour else text

    def _write(self, text: str) -> None:
        if self._muted:
            return
        try:
            if not self._encoding.lower().startswith("utf"):
                text = text.translate(_ASCII)
            text = text.encode(self._encoding, "replace").decode(self._encoding)
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError, LookupError):
            self._mute()

    def _mute(self) -> None:
        """The reader is gone. Python would complain at exit about what is still buffered, and
        change the exit code: let it go to nowhere instead."""
        self._muted = True
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self._stream.fileno())
            finally:
                os.close(nowhere)
        except (OSError, ValueError):
            return


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError):
        return False


def _clock(at: float) -> str:
    minutes, seconds = divmod(int(max(0.0, at)), 60)
    return f"{minutes:3d}:{seconds:02d}"


def _style(event: e.Event) -> str:
    match event:
        case e.PhaseStarted():
            return "bold"
        case e.Recovered() | e.FaultLanded() | e.PhaseEnded(passed=True):
            return "green"
        case (
            e.DrillFailed()
            | e.DrillAborted()
            | e.FaultMissed()
            | e.RecoveryMissed()
            | e.CommandRefused()
            | e.PhaseEnded(passed=False)
            | e.FaultUndone(undone=False)
            | e.LoadStopped(expected=False)
            | e.MoneyChecked(lost=(_, *_))
            | e.MoneyChecked(doubled=(_, *_))
            | e.MoneyChecked(uncharged=(_, *_))
            | e.MoneyChecked(unrecorded=(_, *_))
            | e.MoneyChecked(mischarged=(_, *_))
        ):
            return "red"
        case e.AlertChanged(state="firing" | "pending") | e.ScrapeFailed() | e.StepSkipped():
            return "yellow"
    return ""
