"""The adapter to Chaos Toolkit: runs an experiment through its library, and serves its probes.

An experiment is run by `rundrill run` or by plain `chaos run`; both walk the same phases of the
same drill. Chaos Toolkit swallows most failures (an action that fails still ends *completed*), so
the phases after a failed one do nothing by themselves, and the hypothesis after the method is
true only for a verdict that ends with exit code 0.
"""

import json
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaoslib.exceptions import ChaosException, InterruptExecution
from chaoslib.experiment import ensure_experiment_is_valid, load_experiment, run_experiment
from chaoslib.types import Strategy

from rundrill.access_review import require_allowed
from rundrill.base.clock import MonotonicClock
from rundrill.engine import Drill
from rundrill.errors import ExperimentError, MachineError, RundrillError, TargetError
from rundrill.inputs import make_plan, read_inputs
from rundrill.instruments import Instruments
from rundrill.permissions import needs_of, require_inside
from rundrill.redaction import Redactor
from rundrill.report import Console
from rundrill.responder import find_kubectl
from rundrill.session import Session, Site, require_room, target_errors
from rundrill.target.cluster import Cluster
from rundrill.watchdog import Watchdog
from rundrill.workplace import Workplace

ABORT_ON = (KeyboardInterrupt, SystemExit, InterruptExecution)


@dataclass(slots=True)
class _Stage:
    """The drill that the probes of this process serve: Chaos Toolkit passes them no context.

    `plain` holds the workplace's lock while the control has opened the drill, under `chaos run`.
    """

    session: Session | None = None
    plain: ExitStack | None = None


_stage = _Stage()


def check(path: Path) -> None:
    """What Chaos Toolkit itself asks of the file. Raises `ExperimentError`."""
    try:
        ensure_experiment_is_valid(load_experiment(str(path)))
    except ChaosException as error:
        raise ExperimentError(f"Chaos Toolkit refuses it: {error}", path=path) from error


def run(session: Session, path: Path) -> None:
    """Runs the experiment file to its end through Chaos Toolkit's library, journal included.

    `session` is open already; the caller concludes it.
    """
    _stage.session = session
    logger = logging.getLogger("chaostoolkit")
    handler = _Log(session.folder / "chaostoolkit.log", encoding="utf-8")
    handler.setFormatter(_Redacted(session.redactor))
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    try:
        journal = run_experiment(
            load_experiment(str(path)),
            settings={"runtime": {"rollbacks": {"strategy": "always"}}},
            strategy=Strategy.DEFAULT,
        )
        if journal["status"] == "interrupted":  # also between two phases
            session.drill.abort("interrupted")
        journal = session.redactor.value(json.loads(json.dumps(journal, default=str)))
        _keep(session.folder / "journal.json", json.dumps(journal, indent=2))
    finally:
        _stage.session = None
        logger.removeHandler(handler)
        handler.close()


class _Log(logging.FileHandler):
    """On a full disk the drill has one message to give, not a traceback for each line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """The event log keeps its own failure."""


class _Redacted(logging.Formatter):
    """What the library and its extensions log is as little known as a command's output."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


def _keep(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(
            f"the journal cannot be written: {error.strerror}",
            path=path,
            fix="make room; the fault was undone, and nothing of this run counts",
        ) from error


def drill() -> Drill:
    """The drill of the experiment that runs now."""
    return _current().drill


def require_steady_state() -> bool:
    """The hypothesis. Before the method: the baseline; after it: the whole verdict.

    Raises `ExperimentError` when it is not met.
    """
    session = _current()
    if not session.drill.begun:
        if not session.drill.baseline():
            raise ExperimentError("the baseline does not hold: nothing can be learned")
        return True
    verdict = session.conclude()
    if verdict.exit_code != 0:
        raise ExperimentError(f"{verdict.outcome}: {verdict.reason}")
    return True


def open_session(experiment_file: str) -> None:
    """For plain `chaos run`: opens a drill against the local target that is up.

    Chaos Toolkit swallows every exception of a control but `InterruptExecution`.
    """
    if _stage.session is not None:
        return
    lock = ExitStack()
    try:
        _stage.session = _open(Path(experiment_file), lock)
    except RundrillError as error:
        lock.close()
        raise InterruptExecution(str(error)) from error
    except BaseException:
        lock.close()
        raise
    _stage.plain = lock


def close_session() -> bool:
    """For plain `chaos run`: undoes, stops and judges, whatever happened before.

    Whether it may end well: under `rundrill run` somebody else decides that.
    """
    session, lock = _stage.session, _stage.plain
    if lock is None:
        return session is not None
    assert session is not None
    _stage.session, _stage.plain = None, None
    try:
        with lock:
            verdict = session.conclude()
    except RundrillError as refusal:
        logging.getLogger("chaostoolkit").critical(str(refusal))
        return False
    compression = session.plan.compression
    Console().summary(verdict, session.folder / "report.html", compression=compression)
    return verdict.exit_code == 0


def _current() -> Session:
    if _stage.session is None:
        raise ExperimentError(
            "no drill is open",
            fix="the experiment needs the control `probes.session`; see experiments/",
        )
    return _stage.session


def _open(path: Path, lock: ExitStack) -> Session:
    clock = MonotonicClock()
    inputs = read_inputs(path)
    kubectl = find_kubectl()
    place = Workplace()
    lock.enter_context(place.lock())
    local = place.local(inputs.service, kubectl=kubectl, clock=clock, say=_say)
    place.recover(local, clock=clock, say=_say)
    compression = local.running()
    if compression is None:
        raise TargetError(
            "no target is up", path=local.kubeconfig, fix="run `rundrill up` before `chaos run`"
        )
    place.require_free(local.kubeconfig, clock=clock, say=_say)
    plan = make_plan(inputs, target=local.name, compression=compression, wall_s=0.0)
    require_inside(plan)
    runs = Path("runs")
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{path.stem}"
    with target_errors(local.kubeconfig):
        cluster = Cluster(local.kubeconfig, scratch=place.scratch)
        needs = needs_of(plan, inputs.service).needs
        require_allowed(cluster, needs, path=local.kubeconfig)
        load_url = local.service_url(
            cluster,
            namespace=inputs.service.load_namespace,
            service=inputs.service.load_service,
            port=inputs.service.load_port,
        )
        site = Site(
            kubeconfig=local.kubeconfig,
            load_url=load_url,
            kubectl=kubectl,
            scratch=place.scratch,
            journal=place.journal,
            clock=clock,
            place=place,
            outlives=True,
        )
        instruments = Instruments(
            cluster=cluster,
            service=inputs.service,
            load_url=load_url,
            profile=plan.load,
            rules=inputs.rules,
            routing=inputs.routing,
            compression=compression,
            folder=runs / run_id,
            clock=clock,
            scratch=place.scratch,
        )
    require_room(runs)
    watchdog = Watchdog(
        site.guarded,
        cluster=cluster,
        limits=inputs.service.limits,
        lease_namespace=inputs.service.load_namespace,
        day=run_id,
        clock=clock,
        say=_say,
    )
    lock.callback(watchdog.stop)
    with target_errors(local.kubeconfig):
        watchdog.start()
    session = Session(
        inputs=inputs,
        plan=plan,
        site=site,
        instruments=instruments,
        watchdog=watchdog,
        run_id=run_id,
        folder=runs / run_id,
        listeners=[Console()],
        abort_on=ABORT_ON,
    )
    session.open()
    return session


def _say(text: str) -> None:
    logging.getLogger("chaostoolkit").info(text)
