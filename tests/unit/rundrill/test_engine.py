"""The phases in order, on a clock that takes no time; the world is scripted, the engine is real."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import PLAN, FakeClock, plan

from rundrill.engine import Drill
from rundrill.equipment import Equipment
from rundrill.events import (
    BaselineJudged,
    CommandFinished,
    DrillAborted,
    DrillFailed,
    Event,
    FaultInjected,
    FaultMissed,
    FaultUndone,
    LoadSampled,
    LoadStopped,
    PhaseEnded,
    PhaseStarted,
    Recovered,
    RecoveryMissed,
    Restored,
    SilenceJudged,
    SoakJudged,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.load import Delivered
from rundrill.model import Arm, PlannedStep
from rundrill.observer import Observer
from rundrill.target.cluster import ClusterError, Rollout
from rundrill.undo import UndoEntry, UndoJournal


@dataclass
class Alert:
    status: str


@dataclass
class World:
    """A service that breaks when told to, and what the drill works with in it."""

    clock: FakeClock
    lands: bool = True
    alert_after_s: float | None = 8.0
    alert_lasts_s: float = 1e9
    remedy_works: bool = True
    comes_back_after_s: float | None = None
    undo_works: bool = True
    leaves: int = 3
    alive: bool = True
    injected_at: float | None = None
    fixed_at: float | None = None
    baseline_errors: float = 0.0
    instrument: BaseException | None = None
    on_follow: Callable[[], None] = lambda: None
    replicas: int = 3
    gone: bool = False
    other_alert: bool = False
    unseen: tuple[str, ...] = ()
    patches_work: bool = True
    held: bool = False
    marks: bool = True
    pending_from: float | None = None
    pending_until: float = 1e9
    evaluated_s_ago: float = 0.0
    harm_error: str | None = None
    told_after_s: float | None = None
    told: list[str] = field(default_factory=list)

    # the detection
    def query(self, expr: str) -> Sequence[tuple[Mapping[str, str], float]]:
        return [({}, self.baseline_errors)]

    def alerts(self) -> Mapping[str, Alert]:
        firing = (
            self.injected_at is not None
            and self.alert_after_s is not None
            and 0.0 <= self.clock.at - self.injected_at - self.alert_after_s < self.alert_lasts_s
        )
        if self.fixed_at is not None and self.clock.at >= self.fixed_at:
            firing = (
                self.comes_back_after_s is not None
                and self.clock.at >= self.fixed_at + self.comes_back_after_s
            )
        other = self.other_alert and self.fixed_at is not None
        pending = self.pending_from is not None and (
            self.pending_from <= self.clock.at - 1000.0 < self.pending_until
        )
        quiet = "pending" if pending else "inactive"
        return {
            "PaymentPodRestarting": Alert("firing" if firing else quiet),
            "Other": Alert("firing" if other else "inactive"),
        }

    def why_untold(self, alerts: Collection[str]) -> str:
        return f"nobody has heard of {', '.join(alerts)}"

    def notified(self, since: float) -> frozenset[str]:
        """Times of the drill, which began at 1000."""
        if self.injected_at is None or self.told_after_s is None:
            return frozenset()
        at = self.injected_at + self.told_after_s
        told = at <= self.clock.at and at - 1000.0 >= since
        return frozenset({"PaymentPodRestarting"} if told else ())

    @property
    def last_evaluation(self) -> float | None:
        return self.clock.at - self.evaluated_s_ago

    # the load
    def sample(self, now: float) -> Sequence[LoadSampled]:
        return []

    def delivered(self, start: float, end: float) -> Delivered:
        return Delivered(per_min=1000.0, issued=1, dropped=0)

    def stop(self) -> LoadStopped:
        return LoadStopped(
            at=0.0,
            expected=self.alive,
            exit_code=0,
            issued=1,
            completed=1,
            dropped=0,
            worst_lateness_ms=1.0,
            detail="",
        )

    # the markers
    def claim(self) -> tuple[str, str]:
        if self.held:
            raise ClusterError("the fault of run other may be in production until noon", 409)
        self.told.append("claim")
        return "2026-01-01T12:00:00+00:00", "2026-01-01T12:10:00+00:00"

    def mark(self, entry: UndoEntry) -> None:
        if not self.marks:
            raise ClusterError("PUT configmaps/rundrill-fault: no answer")
        self.told.append("mark")

    # the fault
    def original(self) -> dict[str, Any]:
        self.told.append("original")
        return {"image": "good"}

    def inject(self) -> str:
        self.told.append("inject")
        self.injected_at = self.clock.at
        return "image set"

    def landed(self) -> str | None:
        return "crash loop" if self.lands else None

    def missing(self) -> str:
        return "no pod runs it"

    def harm(self) -> str | None:
        if self.harm_error is not None:
            raise ClusterError(self.harm_error)
        if self.fixed_at is None or self.clock.at < self.fixed_at:
            return "pod x is not ready"
        return None

    def undo(self, original: Mapping[str, Any]) -> None:
        self.told.append("undo")
        self.replicas = self.leaves

    def undone(self, original: Mapping[str, Any]) -> str | None:
        return "as before" if self.undo_works else None

    # the responder
    def follow(self, steps: Sequence[PlannedStep], *, recovered: Callable[[], bool]) -> None:
        self.told.append("follow")
        assert [step.kind for step in steps] == ["diagnosis", "remedy", "verification"]
        assert not recovered()
        self.on_follow()
        if self.remedy_works:
            self.fixed_at = self.clock.at + 2.0
        self.clock.sleep(3.0)

    # the cluster
    def declared(self, namespace: str) -> dict[str, Any]:
        if self.gone:
            raise ClusterError("GET /apis: no answer")
        spec = {"replicas": self.replicas}
        return {"deployment/production/pay": {"metadata": {"name": "pay"}, "spec": spec}}

    def rollouts(self, namespace: str | None = None) -> Mapping[str, Rollout]:
        return {}

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None:
        self.told.append(f"patch {path}: {body}")
        if self.patches_work:
            self.replicas = body["spec"]["replicas"]

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        raise AssertionError("nothing was deleted")


class Rig:
    """A world, a drill in it, and the events it told."""

    def __init__(
        self, folder: Path, *, arm: Arm = "drill", notifies: bool = False, **world: Any
    ) -> None:
        self.clock = FakeClock()
        self.world = World(clock=self.clock, **world)
        self.events: list[Event] = []
        self.stop: str | None = None
        self.journal = UndoJournal(folder / "undo")
        observer = Observer(
            bounds=PLAN.steady_state,
            detection=self.world,
            load=self.world,
            emit=self.events.append,
            clock=self.clock,
            started=self.clock.at,
            stale_after_s=lambda: 3.0,
        )
        self.clock.on_second = observer.look
        self.drill = Drill(
            plan(arm=arm),
            run_id="run",
            kubeconfig="kubeconfig",
            equipment=Equipment(
                cluster=self.world,
                fault=self.world,
                responder=self.world,
                observer=observer,
                load=self.world,
                instruments=lambda: {"the detection": self.world.instrument},
                unseen=lambda: {"PaymentPodRestarting": frozenset(self.world.unseen)},
                journal=self.journal,
                claim=self.world.claim,
                mark=self.world.mark,
                unmark=lambda: self.world.told.append("unmark"),
                notified=self.world.notified if notifies else None,
                why_untold=self.world.why_untold,
                stop_asked=lambda: self.stop,
            ),
            emit=self.events.append,
            clock=self.clock,
            started=self.clock.at,
        )

    def run(self) -> None:
        for phase in ("baseline", "inject", "detect", "respond", "recover", "soak", "undo"):
            getattr(self.drill, phase)()

    def ended(self, phase: str) -> PhaseEnded:
        return next(e for e in self.events if isinstance(e, PhaseEnded) and e.phase == phase)

    def phases(self) -> dict[str, bool]:
        return {e.phase: e.passed for e in self.events if isinstance(e, PhaseEnded)}

    def last(self, kind: type[Any]) -> Any:
        return next((e for e in reversed(self.events) if isinstance(e, kind)), None)


def test_a_good_drill_passes_each_phase_in_order_and_leaves_no_undo(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.run()
    assert rig.phases() == dict.fromkeys(
        ["setup", "baseline", "inject", "detect", "respond", "recover", "soak", "undo"], True
    )
    assert rig.world.told == ["claim", "original", "mark", "inject", "follow", "undo", "unmark"]
    assert rig.journal.leftovers() == []
    assert rig.last(BaselineJudged).window_s >= PLAN.windows.baseline_s
    assert rig.last(SoakJudged).window_s >= PLAN.windows.soak_s
    assert rig.last(FaultUndone).differences == ()
    recovered = rig.last(Recovered)
    assert recovered.at <= rig.world.fixed_at - 1000.0 + 1.0


@pytest.mark.parametrize("phase", ["baseline", "inject", "detect", "respond", "recover", "soak"])
def test_whoever_asks_for_the_end_gets_it_in_any_phase(tmp_path: Path, phase: str) -> None:
    rig = Rig(tmp_path)
    emit = rig.drill._emit

    def stopping(event: Event) -> None:
        emit(event)
        if isinstance(event, PhaseStarted) and event.phase == phase:
            rig.stop = "somebody asked"

    rig.drill._emit = stopping
    rig.run()
    assert rig.last(DrillAborted).why == "somebody asked"
    assert rig.drill.aborted
    assert not rig.ended(phase).passed
    assert rig.ended(phase).why == "somebody asked"
    assert rig.journal.leftovers() == []
    if phase not in ("baseline", "inject"):
        assert rig.last(FaultUndone).undone
    assert "soak" not in rig.phases() or phase == "soak"


def test_an_interrupt_by_who_asked_tells_what_was_asked(tmp_path: Path) -> None:
    """A command of the runbook that takes a minute is not waited for."""
    rig = Rig(tmp_path)

    def follow(*_: object, **__: object) -> None:
        rig.stop = "somebody asked"
        raise KeyboardInterrupt

    rig.world.follow = follow  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        rig.run()
    assert rig.last(DrillAborted).why == "somebody asked"


def test_the_undo_is_on_disk_before_the_fault_is_made(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    seen: list[int] = []
    inject = rig.world.inject
    rig.world.inject = lambda: (seen.append(len(rig.journal.leftovers())), inject())[1]  # type: ignore[method-assign]
    rig.run()
    assert seen == [1]


def test_where_another_run_has_its_fault_nothing_is_read_and_nothing_undone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, held=True)
    rig.run()
    assert rig.world.told == []
    assert "the fault of run other" in rig.last(DrillFailed).why
    assert rig.journal.leftovers() == []


def test_without_the_entry_in_the_cluster_no_fault_is_made_and_the_claim_goes(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, marks=False)
    rig.run()
    assert rig.world.told == ["claim", "original", "unmark"]
    assert rig.journal.leftovers() == []


def test_a_baseline_that_does_not_hold_ends_the_drill_before_any_change(tmp_path: Path) -> None:
    rig = Rig(tmp_path, baseline_errors=0.2)
    rig.run()
    assert rig.phases() == {"setup": False}
    assert rig.last(BaselineJudged).broken
    assert rig.world.told == []


def test_an_alert_without_samples_is_not_silent_but_blind(tmp_path: Path) -> None:
    rig = Rig(tmp_path, unseen=("restarts_total",))
    rig.run()
    assert rig.last(BaselineJudged).broken == (
        "PaymentPodRestarting is blind: no samples of restarts_total",
    )
    assert rig.world.told == []


def test_an_alert_that_fires_in_the_baseline_ends_the_drill(tmp_path: Path) -> None:
    rig = Rig(tmp_path, injected_at=990.0)
    rig.run()
    assert rig.last(BaselineJudged).alerts == ("PaymentPodRestarting",)
    assert rig.world.told == []


def test_the_warm_up_waits_until_no_expected_alert_is_about_to_fire(tmp_path: Path) -> None:
    rig = Rig(tmp_path, pending_from=0.0, pending_until=20.0)
    rig.run()
    judged = rig.last(BaselineJudged)
    assert judged.broken == ()
    assert judged.at - judged.window_s >= 20.0
    assert rig.phases()["soak"] is True


def test_the_warm_up_waits_for_what_the_undo_before_it_raises_only_now(tmp_path: Path) -> None:
    """Evaluations are behind: an alert becomes pending some seconds after what caused it."""
    rig = Rig(tmp_path, pending_from=3.0, pending_until=6.0)
    rig.run()
    judged = rig.last(BaselineJudged)
    assert judged.broken == ()
    assert judged.at - judged.window_s >= 11.0


@pytest.mark.parametrize("since", [0.0, 10.0])
def test_an_expected_alert_that_is_pending_at_its_end_breaks_the_baseline(
    tmp_path: Path, since: float
) -> None:
    rig = Rig(tmp_path, pending_from=since)
    rig.run()
    assert rig.last(BaselineJudged).broken == ("PaymentPodRestarting is pending",)
    assert rig.world.told == []


def test_a_fault_that_does_not_land_is_undone_and_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lands=False)
    rig.run()
    assert rig.phases() == {"setup": True, "baseline": True, "inject": False, "undo": True}
    assert rig.last(FaultMissed).evidence == "no pod runs it"


def test_without_notification_an_alert_that_fires_is_enough_and_that_is_said(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path)
    rig.run()
    assert rig.ended("detect").why == "PaymentPodRestarting fired; nobody is notified"


@pytest.mark.parametrize("arm", ["drill", "control"])
def test_nobody_responds_before_somebody_was_told(tmp_path: Path, arm: Arm) -> None:
    rig = Rig(tmp_path, arm=arm, notifies=True, told_after_s=20.0)
    rig.run()
    assert rig.ended("detect").passed
    assert rig.ended("detect").why == "PaymentPodRestarting fired, and somebody was told"
    injected = rig.last(FaultInjected).at
    started = next(e for e in rig.events if isinstance(e, PhaseStarted) and e.phase == "respond")
    assert 20.0 <= started.at - injected <= 21.0


@pytest.mark.parametrize("told_after_s", [None, 45.0])
def test_an_alert_that_fires_and_nobody_is_told_of_in_the_window_ends_the_drill(
    tmp_path: Path, told_after_s: float | None
) -> None:
    rig = Rig(tmp_path, notifies=True, told_after_s=told_after_s)
    rig.run()
    detect = rig.ended("detect")
    assert not detect.passed
    assert detect.why == (
        "PaymentPodRestarting fired, and nobody was told in time;"
        " nobody has heard of PaymentPodRestarting"
    )
    assert detect.at - rig.last(FaultInjected).at == pytest.approx(40.0, abs=1.0)
    assert set(rig.phases()) == {"setup", "baseline", "inject", "detect", "undo"}
    assert "follow" not in rig.world.told


def test_the_dry_arm_needs_nobody_to_be_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, arm="dry", notifies=True)
    rig.run()
    assert rig.phases() == dict.fromkeys(["setup", "baseline", "inject", "detect", "respond"], True)


def test_an_alert_that_never_fires_ends_the_drill_at_the_runbooks_window(tmp_path: Path) -> None:
    rig = Rig(tmp_path, alert_after_s=None)
    rig.run()
    assert rig.phases() == {
        "setup": True,
        "baseline": True,
        "inject": True,
        "detect": False,
        "undo": True,
    }
    ended = next(e for e in rig.events if isinstance(e, PhaseEnded) and e.phase == "detect")
    started = next(e for e in rig.events if isinstance(e, PhaseStarted) and e.phase == "inject")
    assert ended.at - started.at == pytest.approx(PLAN.windows.detect_budget_s, abs=0.5)


def test_a_procedure_that_does_not_help_is_told_at_the_response_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path, remedy_works=False)
    rig.run()
    assert rig.phases()["recover"] is False
    assert "soak" not in rig.phases()
    missed = rig.last(RecoveryMissed)
    assert missed.waited_s == pytest.approx(PLAN.windows.recover_budget_s, abs=0.5)
    assert "PaymentPodRestarting is firing" in missed.evidence


@pytest.mark.parametrize(
    ("blind", "why"),
    [
        ({"harm_error": "GET /pods: no answer"}, "GET /pods: no answer"),
        ({"evaluated_s_ago": 9.0}, "the detection is behind"),
    ],
)
def test_a_recovery_that_nobody_can_tell_is_missed_without_being_measured(
    tmp_path: Path, blind: dict[str, Any], why: str
) -> None:
    rig = Rig(tmp_path)
    rig.world.on_follow = lambda: vars(rig.world).update(blind)
    rig.run()
    assert rig.phases()["recover"] is False
    assert rig.last(RecoveryMissed).unmeasured == why
    seen = [e.stale for e in rig.events if isinstance(e, SteadyStateSampled)]
    assert any(seen) is ("evaluated_s_ago" in blind)


def test_a_recovery_that_was_seen_not_to_be_is_measured(tmp_path: Path) -> None:
    rig = Rig(tmp_path, remedy_works=False)
    rig.run()
    assert rig.last(RecoveryMissed).unmeasured is None


def test_an_alert_that_nobody_expected_is_no_recovery_unless_tolerated(tmp_path: Path) -> None:
    rig = Rig(tmp_path, other_alert=True)
    rig.run()
    assert rig.last(RecoveryMissed).evidence == "Other is firing"


def test_an_alert_that_comes_back_in_the_monitoring_window_is_not_durable(tmp_path: Path) -> None:
    rig = Rig(tmp_path, comes_back_after_s=30.0)
    rig.run()
    assert rig.phases()["soak"] is False
    assert rig.last(SoakJudged).alerts == ("PaymentPodRestarting",)


def test_an_alert_that_resolves_by_itself_is_no_recovery(tmp_path: Path) -> None:
    """The back-off of a crash loop grows until the alert's window holds too few restarts."""
    rig = Rig(tmp_path, remedy_works=False, alert_lasts_s=20.0)
    rig.run()
    assert rig.phases()["recover"] is False
    assert rig.last(RecoveryMissed).evidence == "pod x is not ready"


def test_an_undo_that_fails_is_told_and_stays_in_the_journal(tmp_path: Path) -> None:
    rig = Rig(tmp_path, undo_works=False)
    rig.run()
    assert rig.last(FaultUndone).undone is False
    assert [entry.run_id for entry in rig.journal.leftovers()] == ["run"]


def test_what_the_procedure_changed_is_brought_back_and_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, leaves=5)
    rig.run()
    assert rig.last(Restored).changes == ("deployment/production/pay: spec.replicas was 3, is 5",)
    assert rig.last(FaultUndone).differences == ()
    assert rig.phases()["undo"] is True


def test_what_the_procedure_left_behind_for_good_is_a_difference(tmp_path: Path) -> None:
    rig = Rig(tmp_path, leaves=5, patches_work=False)
    rig.run()
    assert rig.last(FaultUndone).differences == (
        "deployment/production/pay: spec.replicas was 3, is 5",
    )
    assert rig.phases()["undo"] is False


def test_a_load_that_dies_ends_the_drill_and_the_fault_is_undone(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.world.on_follow = lambda: setattr(rig.world, "alive", False)
    rig.run()
    assert rig.last(LoadStopped).expected is False
    assert rig.phases()["recover"] is False
    assert rig.world.told[-2:] == ["undo", "unmark"]


def test_a_measurement_that_stops_is_a_failure_never_a_pass(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.world.on_follow = lambda: setattr(rig.world, "instrument", ValueError("bad sample"))
    with pytest.raises(RuntimeError, match="detection stopped: bad sample"):
        rig.run()
    assert rig.last(DrillFailed).phase == "recover"
    assert rig.drill.undo()


def test_a_cluster_that_goes_away_ends_the_drill_with_its_reason(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def gone() -> None:
        raise ClusterError("GET /apis: no answer")

    rig.world.on_follow = gone
    rig.run()
    assert "no answer" in rig.last(DrillFailed).why
    assert rig.phases()["respond"] is False


def test_a_cluster_that_is_gone_is_no_answer_about_the_runbook(tmp_path: Path) -> None:
    rig = Rig(tmp_path, comes_back_after_s=30.0)
    follow = rig.world.on_follow
    rig.world.on_follow = lambda: (follow(), setattr(rig.world, "gone", True))[0]
    rig.run()
    assert isinstance(rig.last(DrillFailed), DrillFailed)
    assert rig.phases()["soak"] is False


def test_ctrl_c_is_an_abort_and_only_the_undo_runs_after_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def interrupt() -> None:
        raise KeyboardInterrupt

    rig.world.on_follow = interrupt
    with pytest.raises(KeyboardInterrupt):
        rig.run()
    assert isinstance(rig.last(DrillAborted), DrillAborted)
    assert not rig.drill.recover()
    assert rig.drill.undo()
    assert rig.last(CommandFinished) is None
    assert rig.world.told == ["claim", "original", "mark", "inject", "follow", "undo", "unmark"]


def test_a_second_undo_changes_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.run()
    rig.drill.undo()
    assert rig.world.told.count("undo") == 1


# ---------------------------------------------------------------- the arms


def test_in_the_control_arm_nobody_follows_the_runbook_and_the_wait_is_as_long(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, arm="control")
    rig.run()
    assert "follow" not in rig.world.told
    skipped = [e for e in rig.events if isinstance(e, StepSkipped)]
    assert [step.number for step in skipped] == [1, 2, 3]
    assert all(step.needless for step in skipped)
    assert rig.phases()["recover"] is False
    assert rig.last(RecoveryMissed).waited_s == pytest.approx(120.0, abs=0.5)
    assert "soak" not in rig.phases()
    assert rig.world.told[-2:] == ["undo", "unmark"]
    assert rig.journal.leftovers() == []


def test_a_control_arm_that_heals_is_watched_as_a_drill_would_be(tmp_path: Path) -> None:
    rig = Rig(tmp_path, arm="control")
    rig.world.fixed_at = 1060.0
    rig.run()
    assert rig.phases()["soak"] is True
    assert rig.last(Recovered).at == pytest.approx(60.0, abs=1.0)
    assert rig.last(SoakJudged).window_s >= PLAN.windows.soak_s
    assert rig.last(FaultUndone).undone


def test_the_dry_arm_makes_no_fault_and_finds_nothing_to_undo(tmp_path: Path) -> None:
    rig = Rig(tmp_path, arm="dry")
    rig.run()
    assert rig.world.told == []
    assert rig.phases() == dict.fromkeys(["setup", "baseline", "inject", "detect", "respond"], True)
    judged = rig.last(SilenceJudged)
    assert judged.window_s >= PLAN.windows.detect_budget_s
    assert (judged.alerts, judged.broken) == ((), ())
    assert judged.evaluations >= 39
    assert rig.last(Recovered) is None
    assert rig.last(SoakJudged) is None
    assert rig.last(FaultUndone) is None
    assert rig.journal.leftovers() == []
    assert [e.number for e in rig.events if isinstance(e, StepSkipped)] == [1, 2, 3]


def test_what_stirs_in_the_dry_arm_ends_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, arm="dry", other_alert=True)
    rig.world.fixed_at = 1e9  # the other alert fires, but not in the baseline
    rig.world.other_alert = False
    rig.drill.baseline()
    rig.drill.inject()
    rig.world.other_alert = True
    assert rig.drill.detect() is False
    assert rig.last(SilenceJudged).alerts == ("Other",)
    for phase in ("respond", "recover", "soak"):
        assert getattr(rig.drill, phase)() is False
    assert "respond" not in rig.phases()


def test_an_undo_that_a_second_ctrl_c_cut_off_goes_on_in_the_same_phase(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    undo, interrupts = rig.world.undo, iter([KeyboardInterrupt()])

    def impatient(original: Mapping[str, Any]) -> None:
        for interrupt in interrupts:
            raise interrupt
        undo(original)

    rig.world.undo = impatient  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        rig.run()
    assert rig.drill.undo()
    begun = [e for e in rig.events if isinstance(e, PhaseStarted) and e.phase == "undo"]
    ended = [e for e in rig.events if isinstance(e, PhaseEnded) and e.phase == "undo"]
    assert (len(begun), len(ended)) == (1, 1)
