"""The HTML report: one file, offline, no script. The answer first, then the evidence.

Every expression of the templates goes through `printable` and is then escaped: outputs of
commands, labels and names are hostile input. Only `Markup` made in this package is let through.
"""

import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from jinja2 import Environment
from markupsafe import Markup, escape

from rundrill import events as e
from rundrill.base import units
from rundrill.model import Verdict
from rundrill.report import arms, detection, figures, timeline
from rundrill.report.run import Run
from rundrill.report.sentences import sentence
from rundrill.report.svg import linear
from rundrill.report.templating import new_environment
from rundrill.report.text import bounded, printable
from rundrill.report.tone import tone
from rundrill.verdict import headline

WIDE: Final = 1136
NARROW: Final = 368

SECTIONS: Final[Mapping[str, str]] = {
    "DrillStarted": "plan",
    "PhaseStarted": "timeline",
    "PhaseEnded": "timeline",
    "LoadSampled": "timeline",
    "SteadyStateSampled": "steady-state",
    "AlertChanged": "alerts",
    "AlertNotified": "alerts",
    "NotificationFailed": "log",
    "ScrapeFailed": "log",
    "BaselineJudged": "steady-state",
    "FaultInjected": "fault",
    "FaultLanded": "fault",
    "FaultMissed": "fault",
    "StepStarted": "procedure",
    "CommandFinished": "procedure",
    "CommandRefused": "procedure",
    "StepSkipped": "procedure",
    "Recovered": "fault",
    "RecoveryMissed": "fault",
    "SoakJudged": "steady-state",
    "Restored": "undo",
    "SilenceJudged": "steady-state",
    "FaultUndone": "undo",
    "MoneyChecked": "money",
    "LoadStopped": "load",
    "DrillAborted": "log",
    "DrillFailed": "log",
    "DrillEnded": "log",
}
"""Where each kind of event is shown; all but the samples are in the log as well."""

_QUIET: Final = ("LoadSampled", "SteadyStateSampled")


def render(
    events: Sequence[e.Event], verdict: Verdict, comparison: arms.Comparison | None = None
) -> str:
    """The page as text. Raises `RundrillError` when the run never began."""
    run = Run(events)
    control = None if comparison is None else comparison.verdict
    scale = units.Scale(run.plan.compression)
    periods = figures.periods(run, verdict.times)
    steady = run.every(e.SteadyStateSampled)
    template = environment().get_template("report.html.j2")
    return template.render(
        run=run,
        plan=run.plan,
        started=run.started,
        verdict=verdict,
        headline=headline(verdict, control),
        tone=tone(verdict, control),
        accepted={item.promise: item for item in run.plan.accepted},
        comparison=comparison,
        arm_rows=() if comparison is None else arms.rows(run, verdict, comparison),
        arms_wide=_arms_drawing(run, verdict, comparison, WIDE, "arms-wide"),
        arms_narrow=_arms_drawing(run, verdict, comparison, NARROW, "arms-narrow"),
        scale=scale,
        factor=units.factor(scale.compression),
        both=lambda value: both(scale, value),
        against=lambda measured, limit, stated: _against(
            scale if stated else units.Scale(1), measured, limit
        ),
        not_compressed=figures.NOT_COMPRESSED,
        findings=figures.by_weight(verdict.findings),
        wide=timeline.draw(run, verdict, width=WIDE, ident="wide"),
        narrow=timeline.draw(run, verdict, width=NARROW, ident="narrow"),
        detections=[(one, detection.rows(one)) for one in verdict.detections],
        detection_wide=detection.draw(
            verdict.detections, scale, width=WIDE, ident="detection-wide"
        ),
        detection_narrow=detection.draw(
            verdict.detections, scale, width=NARROW, ident="detection-narrow"
        ),
        floor_told=lambda floor: detection.floor_told(floor, scale),
        measured=lambda subject: detection.measure_told(run.started.measures.get(subject), scale),
        hangs=[detection.hang_told(hang, verdict.times.injected) for hang in verdict.hangs],
        periods=periods,
        bounds=[
            (bound, [figures.bound_figures(bound, steady, period) for period in periods])
            for bound in run.plan.steady_state
        ],
        loads=[figures.load_figures(run.samples, period) for period in periods],
        minutes=figures.load_minutes(run),
        moments=figures.moments(verdict.times),
        spans=figures.spans(run, verdict.times),
        baseline=run.last(e.BaselineJudged),
        soak=run.last(e.SoakJudged),
        fault_events=[event for event in run.events if SECTIONS[type(event).__name__] == "fault"],
        silence=run.last(e.SilenceJudged),
        undo=run.last(e.FaultUndone),
        restored=run.last(e.Restored),
        money=run.last(e.MoneyChecked),
        load_stopped=run.last(e.LoadStopped),
        stopped=[*run.every(e.DrillAborted), *run.every(e.DrillFailed)],
        log=[event for event in run.events if type(event).__name__ not in _QUIET],
        steady_samples=len(steady),
        kind=lambda event: type(event).__name__,
    )


def _arms_drawing(
    run: Run, verdict: Verdict, comparison: arms.Comparison | None, width: int, ident: str
) -> Markup:
    if comparison is None:
        return Markup("")
    return arms.draw(run, verdict, comparison, width=width, ident=ident)


@cache
def environment() -> Environment:
    """The templates of this package, with what they ask for."""
    made = new_environment("rundrill.report")
    made.filters.update(
        seconds=units.seconds,
        milliseconds=units.milliseconds,
        ratio=units.ratio,
        count=units.count,
        quantity=units.quantity,
        sentence=sentence,
        starting=lambda text: text[:1].upper() + text[1:],
        bounded=bounded,
        argv=shlex.join,
        marked=_text,
    )
    made.globals["bar"] = _bar
    return made


def both(scale: units.Scale, run_s: float | None) -> Markup:
    """A time of the run; beside it the factor and the runbook's time, when compressed."""
    own = Markup('<span class="nb">{}</span>').format(units.seconds(run_s))
    if run_s is None or not scale.compressed:
        return own
    return own + Markup(' <span class="real"><span class="x">{}</span> {}</span>').format(
        units.factor(scale.compression), scale.runbook(run_s)
    )


def _against(scale: units.Scale, measured: float | None, limit: float | None) -> Markup:
    """ "4.7 s of 20 s", and the same in the runbook's time when it was compressed."""
    own = Markup('<b class="nb">{}</b>').format(
        "not measured" if measured is None else units.seconds(measured)
    )
    joint = ", limit" if measured is None else " of"
    if limit is not None:
        own += Markup('{} <span class="nb">{}</span>').format(joint, units.seconds(limit))
    if not scale.compressed:
        return own
    stated = "" if measured is None else f"{scale.runbook(measured)} "
    stated += "" if limit is None else f"{joint.strip(' ,')} {scale.runbook(limit)}"
    return own + Markup(' <span class="real"><span class="x">{}</span> {}</span>').format(
        units.factor(scale.compression), stated.strip()
    )


def _text(value: str) -> Markup:
    """A line of the runbook with its `code` marked; everything else stays literal."""
    parts = printable(value).split("`")
    if len(parts) % 2 == 0:
        return escape(printable(value))
    marked = [
        Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts)
    ]
    return Markup("").join(marked)


def _bar(
    measured: float | None, limit: float | None, label: str, late: bool | None = None
) -> Markup:
    """A measured time against its limit; the tick is the limit.

    `late` is given where longer is not worse: a window that was watched to its end.
    """
    if limit is None or limit <= 0 or measured is None:
        return Markup("")
    x = linear(0, max(limit, measured), 0, 118)
    colour = "late" if (measured > limit if late is None else late) else "in-time"
    return Markup(
        '<svg class="bar" viewBox="0 0 120 10" preserveAspectRatio="none"'
        ' role="img" aria-label="{label}">'
        '<rect class="track" x="0" y="2" width="{limit:.1f}" height="6"/>'
        '<rect class="{colour}" x="0" y="2" width="{measured:.1f}" height="6"/>'
        '<rect class="tick" x="{limit:.1f}" y="0" width="2" height="10"/></svg>'
    ).format(label=escape(printable(label)), colour=colour, limit=x(limit), measured=x(measured))
