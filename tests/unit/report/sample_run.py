"""Synthetic runs of the crash-loop drill: every kind of event, with verdicts made by hand.

A held drill is 3 minutes at compression 15 and 1000 requests a minute; the others leave the
same path at one point.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rundrill import events as e
from rundrill import model as m
from rundrill.measured import Measure
from rundrill.verdict import judge

RULE = 'kube_pod_container_status_restarts_total{namespace="production"} - ... offset 40s > 3'
LOST = "pay_01HF7Q2"


@dataclass(frozen=True)
class Sample:
    events: list[e.Event]
    verdict: m.Verdict


def plan(**changes: object) -> m.Plan:
    def step(number: int, line: int, kind: str, text: str, *commands: str) -> m.PlannedStep:
        return m.PlannedStep(
            procedure="pod-crashloopbackoff" if line < 100 else "rollback-procedure",
            number=number,
            line=line,
            text=text,
            kind=kind,  # type: ignore[arg-type]
            commands=tuple(m.Command(line=line, text=text) for text in commands),
        )

    base = m.Plan(
        title="A bad release crash-loops; the rollback saves it",
        experiment_path="experiments/crash-loop.yaml",
        runbook_path="runbooks/payment-service/runbook.md",
        runbook_sha256="9f2b6c1d84aa03e5b7c95f00d1e2f3a4b5c6d7e8f90123456789abcdef012345",
        rules_path="runbooks/payment-service/alerts.yml",
        target="local",
        compression=15,
        compression_reason="the runbook's 15-minute monitoring window fits into one minute",
        severity="P1",
        severity_line=12,
        response_time_s=1800,
        fault="bad-release",
        fault_parameters={"deployment": "production/payment-service", "image": "payments:bad"},
        expected_alerts=("PaymentPodRestarts",),
        tolerated_alerts=("PaymentSuccessRateLow",),
        steps=(
            step(1, 58, "diagnosis", "Check recent deployments: `kubectl rollout history …`"),
            step(2, 59, "remedy", "Rollback if needed: `kubectl rollout undo …`"),
            step(3, 60, "diagnosis", "Check resource limits: `kubectl describe pod <pod-name>`"),
            step(3, 124, "verification", "Verify rollback success"),
            step(4, 129, "monitoring", "Monitor for 15 minutes post-rollback"),
            step(5, 131, "manual", "Tell the incident channel"),
        ),
        steady_state=(
            m.SteadyStateBound(
                subject="error rate",
                text="Error Rate: Should be <1%",
                line=43,
                expr="sum(rate(http_errors_total[1m])) / sum(rate(http_requests_total[1m]))",
                comparator="<",
                value=0.01,
                unit="ratio",
            ),
            m.SteadyStateBound(
                subject="response time",
                text="Response Time: Should be <500ms",
                line=44,
                expr="histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket[1m])))",
                comparator="<",
                value=0.5,
                unit="s",
            ),
            m.SteadyStateBound(
                subject="throughput",
                text="Throughput: Normal baseline ~1000 req/min",
                line=45,
                expr="sum(rate(http_requests_total[1m])) * 60",
                comparator="~",
                value=1000,
                unit="req/min",
            ),
            m.SteadyStateBound(
                subject="memory usage",
                text="Memory Usage: Should be <80% of limit",
                line=46,
                expr="max(container_memory_working_set_bytes / memory_limit)",
                comparator="<",
                value=0.8,
                unit="ratio",
            ),
        ),
        placeholders={"<pod-name>": m.PodQuery(namespace="production", selector="app=x")},
        load=m.LoadProfile(
            rate_per_min=1000,
            max_in_flight=500,
            ramp_s=5,
            mix={"card": 0.6, "read": 0.4},
            slow_s=0.5,
        ),
        alert_lines={"PaymentPodRestarts": 196},
        severity_conditions=tuple(
            m.SeverityCondition(
                severity=severity,
                text=text,
                line=line,
                subject="error rate",
                comparator=">",
                value=value,
            )
            for severity, text, line, value in (
                ("P0", "Nobody can pay (error rate >90%)", 6, 0.9),
                ("P1", "High error rates (>5%)", 14, 0.05),
                ("P2", "Elevated error rates (1-5%)", 22, 0.01),
            )
        ),
        blast_radius=m.BlastRadius(
            namespaces=("production",),
            verbs=("get", "describe", "rollout"),
        ),
        windows=m.Windows(
            baseline_s=30,
            land_budget_s=20,
            detect_budget_s=60,
            recover_budget_s=120,
            response_time_s=120,
            soak_s=60,
            undo_budget_s=30,
            command_budget_s=30,
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def load(
    start: int, end: int, *, hurt: tuple[float, float] = (0, 0), seed: int = 7
) -> list[e.Event]:
    """Seconds of load; between the two ends of `hurt` the service is worse."""
    chance = random.Random(seed)
    samples: list[e.Event] = []
    for second in range(start, end):
        bad = hurt[0] <= second < hurt[1]
        depth = math.sin(math.pi * (second - hurt[0]) / (hurt[1] - hurt[0])) if bad else 0.0
        ramp = min(1.0, (second - start + 1) / 5)
        issued = round((16 + (second % 3 != 0)) * ramp)
        completed = max(0, issued - round(depth * 6) + chance.randint(-1, 1))
        failed = min(completed, round(depth * 5 * chance.random()))
        p50 = 8 + chance.random() * 4 + depth * 300
        samples.append(
            e.LoadSampled(
                at=float(second + 1),
                issued=issued,
                completed=completed,
                ok=completed - failed,
                failed=failed,
                dropped=1 if depth > 0.95 else 0,
                in_flight=3 + round(depth * 60),
                oldest_in_flight_s=0.05 + depth * 7,
                p50_ms=p50 if completed else None,
                p95_ms=p50 * 3 + depth * 2000 if completed else None,
                p99_ms=p50 * 5 + depth * 5000 if completed else None,
            )
        )
    return samples


def steady(start: int, end: int, *, hurt: tuple[float, float] = (0, 0)) -> list[e.Event]:
    found: list[e.Event] = []
    for second in range(start, end):
        bad = hurt[0] <= second < hurt[1]
        values = {
            "error rate": 0.12 if bad else 0.001,
            "response time": 2.4 if bad else 0.031,
            "throughput": 870.0 if bad else 998.0,
            "memory usage": None if second % 20 == 3 else 0.41,
        }
        broken = ("error rate", "response time") if bad else ()
        found.append(
            e.SteadyStateSampled(
                at=second + 0.4,
                values=values,
                holds=not bad,
                broken=broken,
                service_oldest_s=6.0 * math.sin(math.pi * (second - hurt[0]) / (hurt[1] - hurt[0]))
                if bad
                else 0.02,
            )
        )
    return found


def started(a_plan: m.Plan | None = None) -> e.DrillStarted:
    return e.DrillStarted(
        at=0.0,
        run_id="20251123-091500-crash-loop",
        wall_time="2025-11-23T09:15:00+01:00",
        plan=a_plan or plan(),
        versions={"rundrill": "0.1.0", "python": "3.11.7", "kubectl": "1.37.1", "locust": "2.47"},
        rules={
            "PaymentPodRestarts": f"{RULE} for 1s",
            "PaymentSuccessRateLow": "sum(rate(ok[1m])) / sum(rate(all[1m])) < 0.95 for 4s",
            "PaymentDatabaseDown": "pg_up == 0 for 2s",
        },
        designs={
            "PaymentPodRestarts": m.RuleDesign(
                window_s=40, scrape_s=1, evaluation_s=1, for_s=7, group_wait_s=0.2
            ),
        },
        measures={
            "error rate": Measure(quantile=None, window_s=20),
            "response time": Measure(quantile=0.95, window_s=20),
            "memory usage": Measure(quantile=None, window_s=None),
        },
    )


def phases(*spans: tuple[e.Phase, float, float]) -> list[e.Event]:
    found: list[e.Event] = []
    for phase, start, end in spans:
        found.append(e.PhaseStarted(at=start, phase=phase))
        found.append(e.PhaseEnded(at=end, phase=phase, passed=True, why=f"{phase} is done"))
    return found


def alert(at: float, name: str, state: str, value: float | None = 4.0) -> e.AlertChanged:
    return e.AlertChanged(
        at=at,
        alert=name,
        state=state,  # type: ignore[arg-type]
        labels={"pod": "payment-service-6d5f9c7b8-x2x9k"},
        value=value,
    )


def step(at: float, number: int, line: int, kind: str, text: str) -> e.StepStarted:
    return e.StepStarted(
        at=at, procedure=_procedure(line), number=number, line=line, text=text, kind=kind
    )


def command(
    at: float, number: int, line: int, text: str, stdout: str = "", **changes: object
) -> e.CommandFinished:
    base = e.CommandFinished(
        at=at,
        procedure=_procedure(line),
        number=number,
        line=line,
        text=text,
        argv=tuple(text.replace("<pod-name>", "payment-service-6d5f9c7b8-x2x9k").split()),
        bound={},
        exit_code=0,
        duration_s=0.31,
        stdout=stdout,
        stderr="",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def _procedure(line: int) -> str:
    return "pod-crashloopbackoff" if line < 100 else "rollback-procedure"


def responding() -> list[e.Event]:
    history = (
        "deployment.apps/payment-service \nREVISION  CHANGE-CAUSE\n"
        "1         <none>\n2         <none>\n\n"
    )
    undo = "kubectl rollout undo deployment/payment-service -n production"
    describe = "kubectl describe pod <pod-name> -n production"
    return [
        step(70.0, 1, 58, "diagnosis", "Check recent deployments"),
        command(
            70.4,
            1,
            58,
            "kubectl rollout history deployment/payment-service -n production",
            history,
        ),
        step(70.5, 2, 59, "remedy", "Rollback if needed"),
        command(70.9, 2, 59, undo, "deployment.apps/payment-service rolled back\n"),
        step(71.0, 3, 60, "diagnosis", "Check resource limits"),
        command(
            71.6,
            3,
            60,
            describe,
            "Name: payment-service-6d5f9c7b8-x2x9k\n" + "Events: \x1b[31mBackOff\x1b[0m\n" * 30,
            bound={"<pod-name>": "payment-service-6d5f9c7b8-x2x9k"},
            stderr="Warning: v1 ComponentStatus is deprecated\n",
        ),
        step(71.7, 3, 124, "verification", "Verify rollback success"),
        command(
            75.9,
            3,
            124,
            "kubectl rollout status deployment/payment-service -n production",
            'deployment "payment-service" successfully rolled out\n',
            duration_s=4.2,
        ),
        step(76.0, 4, 129, "monitoring", "Monitor for 15 minutes post-rollback"),
        e.StepSkipped(
            at=76.1,
            procedure="rollback-procedure",
            number=5,
            line=131,
            text="Tell the incident channel",
            why="a manual step without a binding; it was read, not carried out",
            unbound=True,
        ),
    ]


def held_events() -> list[e.Event]:
    events: list[e.Event] = [
        started(),
        *phases(
            ("setup", 0.1, 12.0),
            ("baseline", 12.0, 42.5),
            ("inject", 42.5, 48.0),
            ("detect", 48.0, 69.8),
            ("respond", 69.8, 76.2),
            ("recover", 76.2, 88.0),
            ("soak", 88.0, 148.2),
            ("undo", 148.2, 153.0),
            ("verdict", 153.0, 153.1),
        ),
        *load(8, 153, hurt=(50, 80)),
        *steady(14, 148, hurt=(53, 83)),
        e.NotificationFailed(
            at=49.0, receiver="on-call", alerts=("PaymentPodRestarting",), error="HTTP 503"
        ),
        e.ScrapeFailed(
            at=49.0, job="payments", instance="127.1.0.7:9102", error="connection refused"
        ),
        e.BaselineJudged(
            at=42.4,
            window_s=30,
            evaluations=30,
            broken=(),
            alerts=(),
            delivered_per_min=999.4,
            asked_per_min=1000,
            dropped=0,
        ),
        e.FaultInjected(
            at=42.9, fault="bad-release", change="deployment/payment-service image payments:bad"
        ),
        e.FaultLanded(at=47.6, evidence="pod payment-service-6d5f9c7b8-x2x9k: CrashLoopBackOff"),
        alert(62.0, "PaymentPodRestarts", "pending"),
        alert(69.7, "PaymentPodRestarts", "firing", 5.0),
        e.AlertNotified(
            at=69.9,
            alert="PaymentPodRestarts",
            labels={"pod": "payment-service-6d5f9c7b8-x2x9k"},
            receiver="on-call",
        ),
        alert(85.2, "PaymentPodRestarts", "inactive", None),
        alert(66.0, "PaymentSuccessRateLow", "pending", 0.91),
        alert(78.0, "PaymentSuccessRateLow", "inactive", None),
        *responding(),
        e.Recovered(at=87.9, evidence="all bounds hold and PaymentPodRestarts has resolved"),
        e.SoakJudged(at=148.1, window_s=60, evaluations=60, broken=(), alerts=()),
        e.FaultUndone(
            at=152.2, undone=True, evidence="revision 1 is serving on 3 pods", differences=()
        ),
        e.LoadStopped(
            at=152.6,
            expected=True,
            exit_code=0,
            issued=2394,
            completed=2391,
            dropped=2,
            worst_lateness_ms=3.8,
            detail="stopped with SIGINT",
        ),
        e.MoneyChecked(at=152.9, acknowledged=1402, stored=1402, lost=(), doubled=(), error=None),
        e.DrillEnded(at=153.2),
    ]
    return sorted(events, key=lambda event: event.at)


PROMISES = (
    ("load", "The load was delivered as asked", None, None, None),
    (
        "baseline",
        "The steady state held and every alert was silent before the fault",
        30.0,
        None,
        None,
    ),
    ("landed", "The fault landed", 4.7, 20.0, None),
    ("detected", "PaymentPodRestarts fired in time", 26.8, 60.0, 196),
    ("recovered", "The runbook's own steps fixed it in time", 18.2, 120.0, 15),
    ("harmless", "The fix did no harm of its own", None, None, 43),
    ("durable", "It stayed fixed for the monitoring window", 60.0, 60.0, 129),
    ("undone", "Everything was undone", 4.0, 30.0, None),
    ("money", "No acknowledged payment was lost or doubled", None, None, None),
)
EVIDENCE = {
    "load": "999.4 of 1000 requests a minute over the baseline, 0 dropped, worst 3.8 ms late",
    "baseline": "30 evaluations in 30 s, all of them held",
    "landed": "pod payment-service-6d5f9c7b8-x2x9k: CrashLoopBackOff",
    "detected": "PaymentPodRestarts fired 26.8 s after the fault (limit 60.0 s)",
    "recovered": "recovered 18.2 s after the alert (limit 120.0 s)",
    "harmless": "4.10% of the requests failed while it ran, 12.73% between fault and response",
    "durable": "60 evaluations in 60 s, all of them held",
    "undone": "revision 1 is serving on 3 pods; 1 objects are as before",
    "money": "1402 acknowledged, 0 lost, 0 doubled",
}


def promises(**states: tuple[m.PromiseState, str]) -> tuple[m.Promise, ...]:
    """All of them held, but for those named ("detected") with their state and evidence."""
    found = []
    for name, statement, measured, limit, line in PROMISES:
        state, evidence = states.get(name.replace("-", "_"), (m.PromiseState.HELD, EVIDENCE[name]))
        found.append(
            m.Promise(
                id=name,
                statement=statement,
                state=state,
                evidence=evidence,
                measured_s=measured if state is m.PromiseState.HELD else None,
                limit_s=limit,
                line=line,
            )
        )
    return tuple(found)


def measured(sample: Sample) -> Sample:
    """With what only the events tell."""
    told = judge(sample.events)
    verdict = replace(
        sample.verdict, detections=told.detections, impact=told.impact, hangs=told.hangs
    )
    return Sample(sample.events, verdict)


def held() -> Sample:
    return measured(_held())


def _held() -> Sample:
    return Sample(
        held_events(),
        m.Verdict(
            outcome=m.Outcome.HELD,
            reason="Detected in 26.8 s, fixed 18.2 s after detection, and it stayed fixed.",
            promises=promises(),
            findings=(
                m.Finding(
                    id="manual-step",
                    severity="note",
                    text="Step 5 has no command, so nobody can prove it",
                    evidence="it was skipped",
                    line=131,
                ),
                m.Finding(
                    id="tolerated-alert",
                    severity="warning",
                    text="PaymentSuccessRateLow became pending and resolved before it fired",
                    evidence="pending from 66.0 s to 78.0 s",
                ),
            ),
            times=m.Times(
                injected=42.9,
                landed=47.6,
                first_harm=51.3,
                pending=62.0,
                firing=69.7,
                notified=69.9,
                responded=70.0,
                recovered=87.9,
                undone=152.2,
                ended=153.2,
            ),
        ),
    )


def broken() -> Sample:
    return measured(_broken())


def _broken() -> Sample:
    """The rollback is refused, so the service does not recover; money is lost; undo is dirty."""
    gone = (e.Recovered, e.SoakJudged, e.FaultUndone, e.MoneyChecked, e.DrillEnded)
    events = [
        event
        for event in held_events()
        if not isinstance(event, gone)
        and not (isinstance(event, e.CommandFinished) and event.line == 59)
        and not (isinstance(event, e.PhaseStarted | e.PhaseEnded) and event.phase == "soak")
        and not isinstance(event, e.LoadSampled | e.SteadyStateSampled)
        and not (isinstance(event, e.AlertChanged) and event.state == "inactive")
    ]
    events += load(8, 153, hurt=(50, 170))
    events += steady(14, 148, hurt=(53, 200))
    events += [
        e.CommandRefused(
            at=70.8,
            procedure="pod-crashloopbackoff",
            number=2,
            line=59,
            text="kubectl rollout undo deployment/payment-service -n production",
            why="the verb rollout undo is not in the plan's blast radius",
        ),
        command(
            106.15,
            4,
            129,
            "kubectl logs -f deployment/payment-service -n production",
            "x" * 60_000,
            exit_code=None,
            duration_s=30.0,
        ),
        alert(80.0, "PaymentDatabaseDown", "firing", 0.0),
        e.RecoveryMissed(at=147.9, waited_s=71.7, evidence="error rate 12 % against <1 %"),
        e.SoakJudged(
            at=148.0,
            window_s=60,
            evaluations=12,
            broken=("error rate",),
            alerts=("PaymentPodRestarts",),
        ),
        e.Restored(at=152.1, changes=("Deployment/production/payment-service: replicas 5, was 3",)),
        e.FaultUndone(
            at=152.2,
            undone=False,
            evidence="the deployment still differs",
            differences=("Deployment/production/payment-service: spec.template.image",),
        ),
        e.MoneyChecked(
            at=152.9,
            acknowledged=1402,
            stored=1402,
            lost=(LOST,),
            doubled=("pay_01HF7Q9",),
            error=None,
        ),
        e.DrillEnded(at=153.2),
    ]
    state = m.PromiseState
    return Sample(
        sorted(events, key=lambda event: event.at),
        m.Verdict(
            outcome=m.Outcome.BROKEN,
            reason="The runbook did not fix it: step 2 was refused and errors stayed at 12 %.",
            promises=promises(
                recovered=(state.BROKEN, "not recovered 78.2 s after detection"),
                durable=(state.UNPROVEN, "there was nothing to stay fixed"),
                undone=(state.BROKEN, "1 difference left: spec.template.image"),
                money=(state.BROKEN, f"1 payment lost: {LOST}; 1 doubled"),
            ),
            findings=(
                m.Finding(
                    id="refused",
                    severity="broken",
                    text="The remedy could not be carried out as written",
                    evidence="the verb rollout undo is not in the plan's blast radius",
                    line=59,
                ),
            ),
            times=m.Times(
                injected=42.9,
                landed=47.6,
                first_harm=51.3,
                pending=62.0,
                firing=69.7,
                notified=69.9,
                responded=70.0,
                ended=153.2,
            ),
        ),
    )


def invalid() -> Sample:
    """The fault did not land, and the load died."""
    events: list[e.Event] = [
        started(),
        *phases(("setup", 0.1, 12.0), ("baseline", 12.0, 42.5)),
        e.PhaseStarted(at=42.5, phase="inject"),
        *load(8, 60),
        *steady(14, 60),
        e.FaultInjected(at=42.9, fault="no-op", change="nothing"),
        e.FaultMissed(at=62.9, waited_s=20.0, evidence="every pod is Ready"),
        e.PhaseEnded(at=63.0, phase="inject", passed=False, why="the fault did not land"),
        e.LoadStopped(
            at=60.5,
            expected=False,
            exit_code=-9,
            issued=860,
            completed=858,
            dropped=0,
            worst_lateness_ms=None,
            detail="killed by signal 9",
        ),
        e.MoneyChecked(
            at=64.0,
            acknowledged=0,
            stored=0,
            lost=(),
            doubled=(),
            error="the database did not answer",
        ),
        e.DrillFailed(at=64.5, phase="undo", why="the API server went away"),
        e.DrillEnded(at=65.0),
    ]
    state = m.PromiseState
    unproven = (state.UNPROVEN, "the drill did not come to it")
    return Sample(
        sorted(events, key=lambda event: event.at),
        m.Verdict(
            outcome=m.Outcome.INVALID,
            reason="The fault did not land within 20 s: every pod is Ready.",
            promises=promises(
                landed=(state.BROKEN, "every pod is Ready"),
                detected=unproven,
                recovered=unproven,
                durable=unproven,
                undone=unproven,
                money=(state.UNPROVEN, "the database did not answer"),
            ),
            findings=(),
            times=m.Times(injected=42.9, ended=65.0),
        ),
    )


def aborted() -> Sample:
    """Ctrl-C while the alert was awaited."""
    kept = [event for event in held_events() if event.at < 60]
    events = [
        *(event for event in kept if not isinstance(event, e.PhaseEnded) or event.at < 49),
        e.DrillAborted(at=60.2, why="interrupted by the user (SIGINT)"),
        *phases(("undo", 60.3, 64.0)),
        e.FaultUndone(at=63.9, undone=True, evidence="revision 1 is serving", differences=()),
        e.DrillEnded(at=64.1),
    ]
    unproven = (m.PromiseState.UNPROVEN, "the drill was aborted before it")
    return Sample(
        events,
        m.Verdict(
            outcome=m.Outcome.ABORTED,
            reason="Interrupted by the user at 60.2 s; the fault was undone.",
            promises=promises(
                detected=unproven,
                recovered=unproven,
                durable=unproven,
                money=unproven,
                load=unproven,
            ),
            findings=(),
            times=m.Times(injected=42.9, landed=47.6, undone=63.9, ended=64.1),
        ),
    )


def dry() -> Sample:
    """Everything but the fault: nothing stirred."""
    events: list[e.Event] = [
        started(plan(arm="dry")),
        *phases(("setup", 0.1, 12.0), ("baseline", 12.0, 42.5), ("inject", 42.5, 42.6)),
        *phases(("detect", 42.6, 103.0), ("respond", 103.0, 103.1)),
        *load(8, 110),
        *steady(14, 110),
        *(event for event in held_events() if isinstance(event, e.BaselineJudged)),
        e.SilenceJudged(at=102.9, window_s=60.3, evaluations=60, broken=(), alerts=()),
        *(
            replace(event, at=105.0)
            for event in held_events()
            if isinstance(event, e.LoadStopped | e.MoneyChecked)
        ),
        e.DrillEnded(at=110.0),
    ]
    told = sorted(events, key=lambda event: event.at)
    return Sample(told, judge(told))


def accepted() -> Sample:
    """Broken in exactly the way that its experiment accepts."""
    known = m.Acceptance(
        promise="recovered", reason="diagnosis <but> no remedy", review="2027-03-01"
    )
    refused = broken()
    kept = [
        replace(event, differences=(), undone=True)
        if isinstance(event, e.FaultUndone)
        else replace(event, lost=(), doubled=())
        if isinstance(event, e.MoneyChecked)
        else event
        for event in refused.events
        if not isinstance(event, e.DrillStarted | e.SoakJudged | e.CommandRefused)
        and not (isinstance(event, e.CommandFinished) and event.exit_code is None)
    ]
    told = [started(plan(accepted=(known,))), *kept]
    return Sample(told, judge(told))


def control() -> Sample:
    """The same fault, and nobody follows the runbook: it stays broken."""
    gone = (e.DrillStarted, e.CommandFinished, e.CommandRefused, e.StepStarted)
    told = [
        started(plan(arm="control")),
        *(event for event in accepted().events if not isinstance(event, gone)),
    ]
    return Sample(told, judge(told))


def every_sample() -> Sequence[Sample]:
    return (held(), broken(), invalid(), aborted(), dry(), accepted(), control())
