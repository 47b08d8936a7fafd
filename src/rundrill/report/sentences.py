"""One sentence for each event: the console's lines and the log of the HTML report."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rundrill import events as e
from rundrill.base import units
from rundrill.report.text import one_line


def sentence(event: e.Event) -> str:
    """What happened, in one printable line. Raises `KeyError` for a type without a sentence."""
    return one_line(RENDERERS[type(event).__name__](event), 400)


def load_line(s: e.LoadSampled) -> str:
    """The load of one second, short enough for a status line."""
    dropped = f", {s.dropped} dropped" if s.dropped else ""
    return (
        f"{s.issued} req/s, {s.failed} failed{dropped}, p95 {units.milliseconds(s.p95_ms)}, "
        f"oldest in flight {units.seconds(s.oldest_in_flight_s)}"
    )


def _started(s: e.DrillStarted) -> str:
    plan = s.plan
    return (
        f"drill \u201c{plan.title}\u201d on {plan.target}, "
        f"compression {units.factor(plan.compression)}, run {s.run_id}"
    )


def _phase_ended(s: e.PhaseEnded) -> str:
    return f"{s.phase} {'passed' if s.passed else 'FAILED'}: {s.why}"


def _steady(s: e.SteadyStateSampled) -> str:
    return "steady state holds" if s.holds else f"steady state broken: {', '.join(s.broken)}"


def _alert(s: e.AlertChanged) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in s.labels.items())
    value = "" if s.value is None else f" at {s.value:g}"
    return f"alert {s.alert} is {s.state}{value}" + (f" ({labels})" if labels else "")


def _window(judged: e.BaselineJudged | e.SoakJudged) -> str:
    wrong = [*judged.broken, *(f"{alert} not silent" for alert in judged.alerts)]
    held = f"not held ({'; '.join(wrong)})" if wrong else "held"
    return f"{held} for {units.seconds(judged.window_s)}, {judged.evaluations} evaluations"


def _silence(s: e.SilenceJudged) -> str:
    stirred = [*s.broken, *(f"{alert} fired" for alert in s.alerts)]
    told = f"STIRRED without a fault ({'; '.join(stirred)})" if stirred else "nothing stirred"
    return f"dry arm: {told} in {units.seconds(s.window_s)}, {s.evaluations} evaluations"


def _baseline(s: e.BaselineJudged) -> str:
    return (
        f"baseline {_window(s)}; {s.delivered_per_min:.1f} of {s.asked_per_min:.1f} req/min "
        f"delivered, {s.dropped} dropped"
    )


def _step(s: e.StepStarted) -> str:
    return f"step {s.number} ({s.procedure}, line {s.line}, {s.kind}): {s.text}"


def _command(s: e.CommandFinished) -> str:
    end = "stopped at its limit" if s.exit_code is None else f"exit {s.exit_code}"
    return f"{' '.join(s.argv)} -> {end} after {units.seconds(s.duration_s)}"


def _undone(s: e.FaultUndone) -> str:
    left = f"; differences left: {'; '.join(s.differences)}" if s.differences else ""
    return f"fault {'undone' if s.undone else 'NOT undone'}: {s.evidence}{left}"


def _money(s: e.MoneyChecked) -> str:
    if s.error is not None:
        return f"money not checked: {s.error}"
    lost = f" ({', '.join(s.lost)})" if s.lost else ""
    doubled = f" ({', '.join(s.doubled)})" if s.doubled else ""
    told = (
        f"money: {s.acknowledged} payments acknowledged, {s.stored} stored, "
        f"{len(s.lost)} lost{lost}, {len(s.doubled)} doubled{doubled}"
    )
    if s.charges is None:
        return told
    others = {
        "captured without a charge": s.uncharged,
        "charged without a record": s.unrecorded,
        "charged another amount": s.mischarged,
        "still open": s.unsettled,
    }
    told += f", {s.charges} charged"
    for what, keys in others.items():
        told += f", {len(keys)} {what} ({', '.join(keys)})" if keys else ""
    return told + "".join(f"; incomplete books of {why}" for why in s.incomplete)


def _load_stopped(s: e.LoadStopped) -> str:
    how = "load stopped" if s.expected else "LOAD DIED before it was told to stop"
    return (
        f"{how} (exit {'unknown' if s.exit_code is None else s.exit_code}): {s.issued} issued, "
        f"{s.completed} completed, {s.dropped} dropped, worst dispatch lateness "
        f"{units.milliseconds(s.worst_lateness_ms)}. {s.detail}"
    )


RENDERERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "DrillStarted": _started,
    "PhaseStarted": lambda s: f"phase {s.phase}",
    "PhaseEnded": _phase_ended,
    "LoadSampled": load_line,
    "SteadyStateSampled": _steady,
    "AlertChanged": _alert,
    "AlertNotified": lambda s: f"{s.receiver} was told that {s.alert} fires",
    "NotificationFailed": lambda s: (
        f"{s.receiver} could not be told of {', '.join(s.alerts) or 'the end'}: {s.error}"
    ),
    "ScrapeFailed": lambda s: f"scrape of {s.job} at {s.instance} failed: {s.error}",
    "BaselineJudged": _baseline,
    "FaultInjected": lambda s: f"fault {s.fault} injected: {s.change}",
    "FaultLanded": lambda s: f"fault landed: {s.evidence}",
    "FaultMissed": lambda s: f"fault did NOT land in {units.seconds(s.waited_s)}: {s.evidence}",
    "StepStarted": _step,
    "CommandFinished": _command,
    "CommandRefused": lambda s: f"REFUSED (line {s.line}) {s.text}: {s.why}",
    "StepSkipped": lambda s: f"step {s.number} skipped (line {s.line}): {s.why}",
    "Recovered": lambda s: f"recovered: {s.evidence}",
    "RecoveryMissed": lambda s: f"NOT recovered in {units.seconds(s.waited_s)}: {s.evidence}",
    "SoakJudged": lambda s: f"soak {_window(s)}",
    "Restored": lambda s: f"restored what the procedure had changed: {'; '.join(s.changes)}",
    "SilenceJudged": _silence,
    "FaultUndone": _undone,
    "MoneyChecked": _money,
    "LoadStopped": _load_stopped,
    "DrillAborted": lambda s: f"drill ABORTED: {s.why}",
    "DrillFailed": lambda s: f"drill FAILED in {s.phase}: {s.why}",
    "DrillEnded": lambda _: "drill ended",
}
