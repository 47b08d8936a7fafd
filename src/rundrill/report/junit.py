"""JUnit XML: one test suite a drill, one test case a promise, and one for the verdict itself.

Valid against both schemas in common use: Apache Ant's (`JUnit.xsd` of windyroad/JUnit-Schema)
and Jenkins' xUnit plug-in (`junit-10.xsd`). A broken promise is a failure, an unproven one an
error. A promise that held in a drill that does not count is skipped: nothing in it is green.

A drill that broke as accepted is skipped, as other tools write an expected failure: never a
success, and no failure either. One that held where it was said to break fails. The answer of a
control arm is skipped too: it tells how the service behaves without the procedure. What it broke
itself fails the drill's verdict.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from rundrill.base import units
from rundrill.events import Event
from rundrill.model import Outcome, Promise, PromiseState, Verdict
from rundrill.report import figures
from rundrill.report.arms import Comparison
from rundrill.report.run import Run
from rundrill.report.sentences import sentence
from rundrill.report.text import one_line, printable
from rundrill.verdict import exit_code, headline

_COUNTS = tuple(set(Outcome) - {Outcome.INVALID, Outcome.ABORTED})


def render(events: Sequence[Event], verdict: Verdict, comparison: Comparison | None = None) -> str:
    """The XML document as text. Raises `RundrillError` when the run never began."""
    root = ET.Element("testsuites")
    root.append(suite_of(events, verdict, 0, comparison))
    return to_text(root)


def to_text(root: ET.Element) -> str:
    """As it is written."""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def suite_of(
    events: Sequence[Event], verdict: Verdict, number: int, comparison: Comparison | None = None
) -> ET.Element:
    """The suite of one drill, the `number`th of its document."""
    run = Run(events)
    plan = run.plan
    suite = ET.Element("testsuite")
    _properties(suite, run, verdict)
    answer(_case(suite, run, "verdict", run.end), verdict, comparison)
    for promise in verdict.promises:
        _promise_case(suite, run, verdict, promise)
    quiet = ("LoadSampled", "SteadyStateSampled")
    log = [f"{e.at:9.3f} {sentence(e)}" for e in run.events if type(e).__name__ not in quiet]
    ET.SubElement(suite, "system-out").text = "\n".join(log)
    ET.SubElement(suite, "system-err").text = "\n".join(
        f"{finding.severity}: {printable(finding.text)} ({printable(finding.evidence)})"
        for finding in figures.by_weight(verdict.findings)
    )
    describe(
        suite,
        name=one_line(plan.title) or "drill",
        number=number,
        hostname=one_line(plan.target) or "localhost",
        wall_time=run.started.wall_time,
        seconds=run.end,
    )
    return suite


def describe(
    suite: ET.Element, *, name: str, number: int, hostname: str, wall_time: str, seconds: float
) -> None:
    """The attributes of a suite, its counts among them: the cases must be there already."""
    for key, value in {
        "name": name,
        "package": "rundrill",
        "id": str(number),
        "hostname": hostname,
        "timestamp": _timestamp(wall_time),
        "time": f"{seconds:.3f}",
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "skipped": str(len(suite.findall("testcase/skipped"))),
    }.items():
        suite.set(key, value)


def _properties(suite: ET.Element, run: Run, verdict: Verdict) -> None:
    plan = run.plan
    properties = ET.SubElement(suite, "properties")
    values = {
        "run": run.started.run_id,
        "outcome": verdict.outcome.value,
        "arm": verdict.arm,
        "acceptance": verdict.acceptance,
        "target": plan.target,
        "compression": f"{plan.compression:g}",
        "fault": plan.fault,
        "severity": plan.severity,
        "experiment": plan.experiment_path,
        "runbook": plan.runbook_path,
        "runbook.sha256": plan.runbook_sha256,
        "rules": plan.rules_path,
        **{f"detection.{one.alert}": one.sentence for one in verdict.detections},
        "alertmanager": plan.alertmanager_path or "none: nobody is notified",
        **{f"version.{name}": value for name, value in run.started.versions.items()},
    }
    for name, value in values.items():
        ET.SubElement(properties, "property", name=one_line(name), value=one_line(value))


def _case(suite: ET.Element, run: Run, name: str, seconds: float) -> ET.Element:
    classname = f"rundrill.{one_line(run.plan.title) or 'drill'}"
    return ET.SubElement(
        suite, "testcase", classname=classname, name=name, time=f"{max(0.0, seconds):.3f}"
    )


def answer(case: ET.Element, verdict: Verdict, comparison: Comparison | None = None) -> None:
    """What a case says of the verdict as a whole; nothing when it held."""
    control = None if comparison is None else comparison.verdict
    problem_told = "" if comparison is None else comparison.problem
    sentences = [verdict.reason, verdict.acceptance_reason]
    if problem_told:
        sentences.append(f"control arm: {problem_told}")
    told = "; ".join(filter(None, sentences))
    code = exit_code(verdict, control)
    if problem_told:
        _fail(case, code, headline(verdict, control), told)
    elif verdict.acceptance == "accepted":
        ET.SubElement(
            case, "skipped", type="accepted", message=f"broken, accepted: {one_line(told)}"
        )
    elif verdict.outcome in (Outcome.HEALED, Outcome.UNHEALED):
        ET.SubElement(case, "skipped", type="control", message=f"control arm: {one_line(told)}")
    elif code != 0:
        _fail(case, code, headline(verdict), told)


def _fail(case: ET.Element, code: int, kind: str, told: str) -> None:
    tag = "failure" if code == Outcome.BROKEN.exit_code else "error"
    ET.SubElement(case, tag, type=kind, message=one_line(told)).text = printable(told)


def _promise_case(suite: ET.Element, run: Run, verdict: Verdict, promise: Promise) -> None:
    case = _case(
        suite, run, f"{promise.id}: {one_line(promise.statement)}", promise.measured_s or 0.0
    )
    evidence = _evidence(run, promise)
    message = one_line(promise.evidence)
    if promise.state is not PromiseState.HELD and verdict.acceptance == "accepted":
        # Accepted is only a drill in which nothing else broke, and whatever else is unproven is
        # so since the drill never came to it.
        what = "broken, accepted" if promise.state is PromiseState.BROKEN else "not reached"
        ET.SubElement(case, "skipped", type="accepted", message=f"{what}: {message}")
    elif promise.state is PromiseState.BROKEN:
        ET.SubElement(case, "failure", type="broken", message=message).text = evidence
    elif promise.state is PromiseState.UNPROVEN:
        ET.SubElement(case, "error", type="unproven", message=message).text = evidence
    elif verdict.outcome not in _COUNTS:
        why = f"held, but the drill is {verdict.outcome.value}: {one_line(verdict.reason)}"
        ET.SubElement(case, "skipped", type=verdict.outcome.value, message=why)


def _evidence(run: Run, promise: Promise) -> str:
    stated = promise.id not in figures.NOT_COMPRESSED
    scale = units.Scale(run.plan.compression if stated else 1)
    lines = [printable(promise.evidence)]
    if promise.measured_s is not None or promise.limit_s is not None:
        lines.append(f"measured {scale.both(promise.measured_s)}")
    if promise.limit_s is not None:
        lines.append(f"limit {scale.both(promise.limit_s)}")
    if promise.line is not None:
        lines.append(f"{printable(run.plan.runbook_path)}:{promise.line}")
    return "\n".join(lines)


def _timestamp(wall_time: str) -> str:
    """UTC without a zone: Ant's schema allows none. The epoch when the time cannot be read."""
    try:
        moment = datetime.fromisoformat(wall_time)
    except ValueError:
        moment = datetime.fromtimestamp(0, UTC)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
