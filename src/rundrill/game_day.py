"""Drills one after another: one target, one load, one folder. A single drill is a day of one.

Each drill is whole in itself: its own events, verdict, report and undo. What they share is the
load, which never pauses, and the detection, which never forgets.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rundrill import experiment
from rundrill.access_review import require_allowed
from rundrill.detection.notify import Alertmanager
from rundrill.detectors import DEFAULT, DetectorChoice
from rundrill.errors import ExperimentError, RundrillError
from rundrill.events import Event, FaultUndone
from rundrill.inputs import Inputs
from rundrill.instruments import Instruments
from rundrill.model import Arm, Outcome, Plan, Verdict
from rundrill.permissions import merged, needs_of
from rundrill.session import Session, Site, require_room, target_errors, uninterrupted
from rundrill.target.cluster import Cluster
from rundrill.watchdog import Watchdog

Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One drill of the day, or one arm of it. `folder` is relative to the day's."""

    inputs: Inputs
    plan: Plan
    folder: Path

    @property
    def path(self) -> Path:
        return self.inputs.experiment.path

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A leg with its answer; without one it was not run, and `why` says why.

    `error` is what kept it from an answer.
    """

    leg: Leg
    folder: Path
    verdict: Verdict | None = None
    events: Sequence[Event] = ()
    why: str = ""
    error: RundrillError | None = None


def make_legs(plans: Sequence[tuple[Inputs, Plan]], *, arms: Sequence[Arm]) -> Sequence[Leg]:
    """The legs in their order: each drill's arms follow each other.

    A single drill fills the run folder itself; of several each has a folder in it. Raises
    `ExperimentError` when they cannot share one load and one set of rules.
    """
    first, first_plan = plans[0]
    for inputs, plan in plans[1:]:
        for what, mine, others in (
            ("service file", inputs.experiment.service, first.experiment.service),
            ("rules file", inputs.experiment.rules, first.experiment.rules),
            ("load", plan.load, first_plan.load),
        ):
            if _same(mine) != _same(others):
                raise ExperimentError(
                    f"its {what} is another than that of {first.experiment.path}",
                    path=inputs.experiment.path,
                    fix="drills of one game day share them; run it on its own",
                )
    legs = []
    for number, (inputs, plan) in enumerate(plans, start=1):
        home = Path(f"{number:02}-{inputs.experiment.path.stem}") if len(plans) > 1 else Path()
        for position, arm in enumerate(arms):
            folder = home if position == 0 else home / arm
            legs.append(Leg(inputs=inputs, plan=replace(plan, arm=arm), folder=folder))
    return legs


def run(
    legs: Sequence[Leg],
    *,
    site: Site,
    runs: Path,
    listener: Callable[[Leg], Listener],
    detector: DetectorChoice = DEFAULT,
    alertmanager: Alertmanager | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[Path, Sequence[Ended]]:
    """Runs the legs against a target that is up; gives the day's folder and how each ended.

    Raises `RundrillError`, with nothing left running.
    """
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    several = legs[0].folder != Path()
    day = runs / f"{stamp}-{'game-day' if several else legs[0].name}"
    with target_errors(site.kubeconfig):
        cluster = Cluster(site.kubeconfig, scratch=site.scratch)
        needs = merged(needs_of(leg.plan, leg.inputs.service) for leg in legs)
        require_allowed(cluster, needs.needs, path=site.kubeconfig)
        instruments = Instruments(
            cluster=cluster,
            service=legs[0].inputs.service,
            load_url=site.load_url,
            profile=legs[0].plan.load,
            rules=legs[0].inputs.rules,
            routing=alertmanager or legs[0].inputs.routing,
            compression=legs[0].plan.compression,
            folder=day,
            clock=site.clock,
            scratch=site.scratch,
            detector=detector,
        )
    require_room(runs)
    watchdog = Watchdog(
        site.guarded,
        cluster=cluster,
        limits=legs[0].inputs.service.limits,
        lease_namespace=legs[0].inputs.service.load_namespace,
        day=day.name,
        clock=site.clock,
        say=say,
    )
    for leg in legs:  # a drill that is never reached is seen as not run
        (day / leg.folder).mkdir(parents=True, exist_ok=True)
    ended: list[Ended] = []
    stop = ""
    with _stopping(instruments, watchdog):
        with target_errors(site.kubeconfig):
            watchdog.start()
        for number, leg in enumerate(legs):
            folder = day / leg.folder
            if stop:
                ended.append(Ended(leg=leg, folder=folder, why=stop))
                continue
            try:
                session = Session(
                    inputs=leg.inputs,
                    plan=_notified_by(leg.plan, alertmanager),
                    site=site,
                    instruments=instruments,
                    watchdog=watchdog,
                    run_id="-".join([stamp, *(leg.folder.parts or (leg.name,))]),
                    folder=folder,
                    listeners=[listener(leg)],
                    abort_on=experiment.ABORT_ON,
                    ends_load=number == len(legs) - 1,
                )
                verdict = _drive(session, leg.path)
            except RundrillError as error:
                # What the drills before it have shown stays shown.
                stop = f"{leg.name} could not be run: {error}"
                ended.append(Ended(leg=leg, folder=folder, why=stop, error=error))
                continue
            ended.append(Ended(leg=leg, folder=folder, verdict=verdict, events=session.log.events))
            stop = _stop_reason(ended[-1], instruments)
    return day, ended


def _notified_by(plan: Plan, alertmanager: Alertmanager | None) -> Plan:
    return plan if alertmanager is None else replace(plan, alertmanager_path=alertmanager.url)


def _drive(session: Session, path: Path) -> Verdict:
    session.open()
    try:
        experiment.run(session, path)
    except KeyboardInterrupt as interrupt:
        session.drill.abort(str(interrupt) or "Ctrl-C")
    finally:
        with uninterrupted():
            verdict = session.conclude()
    return verdict


def _stop_reason(ended: Ended, instruments: Instruments) -> str:
    """Why no other drill may follow; empty when one may."""
    assert ended.verdict is not None
    if ended.verdict.outcome is Outcome.ABORTED:
        return f"{ended.leg.name} was aborted"
    undone = next((e for e in reversed(ended.events) if isinstance(e, FaultUndone)), None)
    if undone is not None and not undone.undone:
        return f"the fault of {ended.leg.name} is not undone"
    if undone is not None and undone.differences:
        return f"{ended.leg.name} left the target other than it was"
    if not instruments.load_alive:
        return f"the load died during {ended.leg.name}"
    return ""


@contextmanager
def _stopping(instruments: Instruments, watchdog: Watchdog) -> Iterator[None]:
    try:
        yield
    finally:
        with uninterrupted():
            try:
                instruments.stop()
            finally:
                watchdog.stop()


def _same(value: object) -> object:
    return value.resolve() if isinstance(value, Path) else value
