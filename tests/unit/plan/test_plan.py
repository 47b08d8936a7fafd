"""The shipped experiment becomes the plan it says; every mistake in it is one message with a place.

Each mistake is made in a copy of the shipped files, so that nothing else can be wrong with it.
"""

import shutil
from pathlib import Path

import pytest

from rundrill.errors import RundrillError
from rundrill.inputs import make_plan, read_inputs
from rundrill.model import Plan
from rundrill.plan import build_plan, choose_compression
from rundrill.plan.build import FaultParameter

TOP = Path(__file__).parents[3]


class Files:
    """A copy of everything a drill is made of, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        for name in ("experiments", "runbooks"):
            shutil.copytree(TOP / name, folder / name)
        for name in ("deploy/overlays/local", "load"):
            (folder / name).mkdir(parents=True)
        (folder / "deploy/images.yaml").touch()
        (folder / "load/locustfile.py").touch()
        self.experiment = folder / "experiments/crash-loop.yaml"
        self.service = folder / "runbooks/payment-service/service.yaml"
        self.runbook = folder / "runbooks/payment-service/runbook.md"
        self.bindings = folder / "runbooks/payment-service/bindings.yaml"
        self.rules = folder / "runbooks/payment-service/alerts.yml"
        self.alertmanager = folder / "runbooks/payment-service/alertmanager.yml"

    def spoil(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path.name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def plan(self, compression: float | None = None) -> Plan:
        inputs = read_inputs(self.experiment)
        return make_plan(inputs, target="local", compression=compression, wall_s=150.0)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_shipped_experiment_is_the_plan_it_says(files: Files) -> None:
    plan = files.plan(compression=15.0)
    assert [(step.procedure, step.number, step.kind) for step in plan.steps] == [
        ("pod-crashloopbackoff", 1, "diagnosis"),
        ("pod-crashloopbackoff", 2, "remedy"),
        ("pod-crashloopbackoff", 3, "diagnosis"),
        ("rollback-procedure", 3, "verification"),
        ("rollback-procedure", 4, "monitoring"),
    ]
    assert [command.text for step in plan.steps for command in step.commands] == [
        "kubectl rollout history deployment/payment-service -n production",
        "kubectl rollout undo deployment/payment-service -n production",
        "kubectl describe pod <pod-name> -n production",
        "kubectl rollout status deployment/payment-service -n production",
    ]
    runbook = files.runbook.read_text(encoding="utf-8").splitlines()
    for step in plan.steps:
        for command in step.commands:
            assert command.text in runbook[command.line - 1]
    assert {bound.subject: (bound.comparator, bound.value) for bound in plan.steady_state} == {
        "error rate": ("<", 0.01),
        "response time": ("<", 0.5),
        "throughput": ("~", 1000.0),
        "memory usage": ("<", 0.8),
        "cpu usage": ("<", 0.7),
    }
    assert plan.response_time_s == 1800.0


def test_every_stated_duration_is_divided_and_machine_work_is_not(files: Files) -> None:
    plan = files.plan(compression=10.0)
    assert plan.windows.response_time_s == 180.0  # 30 minutes
    assert plan.windows.recover_budget_s == 180.0
    assert plan.windows.detect_budget_s == 60.0  # "in 10 minutes"
    assert plan.windows.soak_s == 90.0  # 15 minutes
    assert plan.windows.baseline_s == 30.0  # 5 minutes
    assert plan.windows.land_budget_s == 30.0  # as written


def test_the_compression_that_is_chosen_fits_the_wall_time() -> None:
    assert choose_compression([1200.0], 150.0)[0] == 15.0
    assert choose_compression([1200.0], 2000.0)[0] == 1.0
    assert choose_compression([1e6], 150.0)[0] == 20.0
    assert "20 min" in choose_compression([1200.0], 150.0)[1]


def test_a_game_day_may_be_compressed_further_than_a_single_drill() -> None:
    assert choose_compression([1200.0, 2100.0, 1200.0, 2100.0], 350.0)[0] == 30.0
    assert choose_compression([1e6, 1e6], 350.0)[0] == 40.0


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("experiment", "pod-crashloopbackoff,", "pod-crashlopbackoff,",
         "did you mean pod-crashloopbackoff?"),
        ("experiment", "rollback-procedure#3-4", "rollback-procedure#3-9", "steps, not 9"),
        ("experiment", "rollback-procedure#3-4", "rollback-procedure#x", "are not steps"),
        ("experiment", "rollback-procedure#3-4", "rollback-procedure#4-3", "are not steps"),
        ("experiment", "rollback-procedure#3-4", "rollback-procedure#3", "how long to monitor"),
        ("experiment", "expected: [PaymentPodRestarting]", "expected: [PaymentPodRestartin]",
         "did you mean PaymentPodRestarting"),
        ("experiment", "expected: [PaymentPodRestarting]", "expected: []", "no alert is expected"),
        ("experiment", 'procedure: [pod-crashloopbackoff, "rollback-procedure#3-4"]',
         "procedure: []", "no procedure is named"),
        ("experiment", "name: bad-release", "name: bad-relase", "did you mean bad-release?"),
        ("experiment", "      image: rundrill/payments:1.1.0\n", "", "`image` is missing"),
        ("experiment", "image: rundrill", "imaje: rundrill", "did you mean image?"),
        ("experiment", "severity: P1", "severity: P7", "no severity `P7`"),
        ("experiment", "name: rundrill\n    service", "name: other\n    service",
         "no `extensions` entry named `rundrill`"),
        ("experiment", "module: probes.session", "module: probes.x", "control `probes.session`"),
        ("experiment", "func: stays_recovered", "func: recovers", "not all there, once"),
        ("experiment", "baseline: 5m", "baseline: soon", "expected a duration"),
        ("experiment", "rate_per_min: 1000", "rate_per_min: 0", "above 0"),
        ("experiment", "read: 0.30", "read: 0.40", "add up to 1.1"),
        ("experiment", "max_in_flight", "max_inflight", "`max_in_flight` is missing"),
        ("experiment", "max_in_flight: 500", "max_in_flight: 500\n      retries: 1.5",
         "whole number from 0 to 10"),
        ("experiment", "max_in_flight: 500", "max_in_flight: 500\n      retries: -1",
         "whole number from 0 to 10"),
        ("experiment", "namespaces: [production]", "namespaces: []", "no namespace is named"),
        ("experiment", "namespaces: [production]", "namespaces: [database]", "outside the blast"),
        ("experiment", "rate_per_min: 1000", "rate_per_min: nan", "expected a number"),
        ("bindings", "completed_total[5m])) * 60", "completed_total[5m)", "throughput"),
        ("bindings", "  <pod-name>:", "  <pod>:", "`<pod-name>` is not bound"),
        ("experiment", "../runbooks/payment-service/alerts.yml", "../x.yml", "does not exist"),
        ("experiment", "    severity: P1", "    severety: P1", "`severity` is missing"),
        ("experiment", "    blast-radius:", "    typo: 1\n    blast-radius:", "key `typo`"),
        ("service", "port: 8080", "port: 99999", "expected a port"),
        ("service", "../../deploy/images.yaml", "../../deploy/none.yaml", "does not exist"),
        ("bindings", "restart-count:", "restart-cuont:", "did you mean restart-count"),
        ("bindings", "PaymentPodRestarting", "PaymentPodRestarted",
         "did you mean PaymentPodRestarting"),
        ("bindings", "error rate: >-", "error ratio: >-", "no PromQL for 'error rate'"),
        ("rules", "payments:pod_restarts:10m > 3", "histogram_count(x) > 3", "alerts.yml"),
        ("rules", "groups:", "groups: [", "alerts.yml"),
        ("alertmanager", "receiver: on-call", "receiver: on-cal", "did you mean on-call?"),
        ("alertmanager", "repeat_interval: 4h", "repeat_interval: TODO", "no duration: 'TODO'"),
        ("alertmanager", "alertname]", "TODO]", "still to decide"),
        ("service", "alertmanager: alert", "alertmanagers: alert", "did you mean alertmanager"),
        ("service", "alertmanager: alertmanager.yml", "alertmanager: no.yml", "does not exist"),
        ("runbook", "- **Response time**: 30 minutes", "", "states no response time"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message_with_place_and_fix(
    files: Files, file: str, old: str, new: str, message: str
) -> None:
    path: Path = getattr(files, file)
    if file == "runbook":
        text = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in text if not ("esponse time" in line and "30 minutes" in line)]
        path.write_text("\n".join(kept), encoding="utf-8")
    else:
        files.spoil(path, old, new)
    with pytest.raises(RundrillError) as error:
        files.plan()
    told = str(error.value)
    assert message in told
    assert path.name in told
    assert len(told.splitlines()) <= 3


def test_the_plan_says_who_is_told_and_that_nobody_is(files: Files) -> None:
    told = files.plan().alertmanager_path
    assert told is not None
    assert told.endswith("runbooks/payment-service/alertmanager.yml")
    files.spoil(files.service, "alertmanager: alertmanager.yml\n", "")
    assert files.plan().alertmanager_path is None
    assert read_inputs(files.experiment).routing is None


def test_an_experiment_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RundrillError, match="no such experiment file"):
        read_inputs(tmp_path / "none.yaml")


def test_a_runbook_without_a_steady_state_cannot_be_drilled(files: Files) -> None:
    text = files.runbook.read_text(encoding="utf-8")
    lines = [
        line
        for line in text.splitlines()
        if "<1%" not in line
        and "<500ms" not in line
        and "~1000" not in line
        and "of limit" not in line
    ]
    files.runbook.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(RundrillError, match="steady state"):
        files.plan()


def test_a_runbook_without_a_procedure_cannot_be_drilled(files: Files) -> None:
    files.runbook.write_text(
        "# A\n## Severity\n### P1\n- Response time: 30 minutes\n", encoding="utf-8"
    )
    with pytest.raises(RundrillError) as caught:
        files.plan()
    assert f"{files.runbook}:1: the runbook holds no procedure\n  fix: " in str(caught.value)


def test_an_activity_of_another_provider_may_stand_among_the_phases(files: Files) -> None:
    files.spoil(
        files.experiment,
        "method:\n",
        "method:\n  - type: action\n    name: note\n    provider: {type: process, path: echo}\n",
    )
    assert files.plan().fault == "bad-release"


def test_a_parameter_with_a_default_may_be_left_out(files: Files) -> None:
    inputs = read_inputs(files.experiment)
    known = ("namespace", "deployment", "container", "image")
    parameters = (
        *(FaultParameter(name=name, help="") for name in known),
        FaultParameter(name="share", help="", default="0.5"),
    )
    plan = build_plan(
        experiment=inputs.experiment,
        runbook=inputs.runbook,
        bindings=inputs.bindings,
        alert_names=tuple(inputs.rules.alerts),
        faults={"bad-release": parameters},
        target="local",
        compression=15.0,
        wall_s=150.0,
    )
    assert plan.fault_parameters["share"] == "0.5"


def test_how_long_a_request_hangs_is_asked_in_promql_that_is_read_beforehand(files: Files) -> None:
    inputs = read_inputs(files.experiment)
    assert inputs.service.oldest_in_flight == "max(payments_oldest_in_flight_seconds)"
    files.spoil(files.service, "max(payments_oldest_in_flight_seconds)", "max(")
    with pytest.raises(RundrillError, match=r"`oldest-in-flight`: .*in: max") as refused:
        files.plan(compression=15.0)
    assert str(refused.value).startswith(f"{files.service}: ")


def test_a_service_without_such_a_metric_is_fine(files: Files) -> None:
    files.spoil(files.service, "oldest-in-flight: max(payments_oldest_in_flight_seconds)", "")
    files.plan(compression=15.0)
    assert read_inputs(files.experiment).service.oldest_in_flight is None
