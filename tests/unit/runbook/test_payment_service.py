"""The project's own runbook, read completely. The tables were made by reading it."""

import hashlib
from pathlib import Path

import promql_parser
import pytest

from rundrill.claims import Command, Runbook
from rundrill.model import PodQuery
from rundrill.runbook import load, load_bindings
from rundrill.runbook.classify import step_kind

FOLDER = Path(__file__).parents[3] / "runbooks" / "payment-service"
PATH = FOLDER / "runbook.md"

SEVERITIES = [
    ("P0", "Critical", 900.0),
    ("P1", "High", 1800.0),
    ("P2", "Medium", 7200.0),
]
STEADY_STATE = [
    ("error rate", "<", 0.01, "ratio"),
    ("response time", "<", 0.5, "s"),
    ("throughput", "~", 1000.0, "req/min"),
    ("memory usage", "<", 0.8, "ratio"),
    ("cpu usage", "<", 0.7, "ratio"),
]
ALERTS = [
    ("success-rate", ("<", 0.95, "ratio", None)),
    ("response-time", (">", 2.0, "s", None)),
    ("restart-count", (">", 3.0, "count", 600.0)),
    ("memory-usage", (">", 0.85, "ratio", None)),
    ("database-connection-failure", None),
]
PROCEDURES: dict[str, list[tuple[str, list[str]]]] = {
    "is-it-up": [
        ("diagnosis", ["kubectl get pods -n production -l app=payment-service"]),
        ("diagnosis", ["kubectl logs -n production -l app=payment-service --tail=100"]),
        ("diagnosis", ["kubectl get svc -n production payment-service"]),
    ],
    "pod-crashloopbackoff": [
        ("diagnosis", ["kubectl rollout history deployment/payment-service -n production"]),
        ("remedy", ["kubectl rollout undo deployment/payment-service -n production"]),
        ("diagnosis", ["kubectl describe pod <pod-name> -n production"]),
    ],
    "high-memory-usage": [
        ("remedy", ["kubectl delete pods -n production -l app=payment-service"]),
        ("manual", []),
        ("remedy", ["kubectl scale deployment payment-service --replicas=5 -n production"]),
    ],
    "database-connection-issues": [
        ("diagnosis", ["kubectl get pods -n database -l app=postgresql"]),
        ("manual", []),
        ("diagnosis", ["kubectl get networkpolicies -n production"]),
    ],
    "payment-gateway-failures": [("manual", [])] * 4,
    "rollback-procedure": [
        ("diagnosis", ["kubectl rollout history deployment/payment-service -n production"]),
        ("remedy", ["kubectl rollout undo deployment/payment-service -n production"]),
        ("verification", ["kubectl rollout status deployment/payment-service -n production"]),
        ("monitoring", []),
    ],
    "scaling-procedure": [
        ("diagnosis", ["kubectl get deployment payment-service -n production"]),
        ("remedy", ["kubectl scale deployment payment-service --replicas=8 -n production"]),
        ("manual", []),
    ],
    "configuration-reload": [
        ("remedy", ["kubectl edit configmap payment-service-config -n production"]),
        ("remedy", ["kubectl rollout restart deployment/payment-service -n production"]),
    ],
}
USEFUL_COMMANDS = [
    "kubectl get pods -n production -l app=payment-service",
    "kubectl logs -f deployment/payment-service -n production",
    "kubectl describe deployment payment-service -n production",
    "kubectl get events -n production --sort-by='.lastTimestamp'",
    'kubectl exec -it postgresql-0 -n database -- psql -U postgres -c "SELECT 1"',
    (
        "kubectl exec -it postgresql-0 -n database -- psql -U postgres"
        ' -c "SELECT count(*) FROM pg_stat_activity"'
    ),
    "kubectl port-forward svc/payment-service-metrics 8080:8080 -n production",
    "kubectl exec -it deployment/payment-service -n production -- curl localhost:15000/stats",
]


@pytest.fixture(scope="module")
def runbook() -> Runbook:
    return load(PATH)


def test_every_severity_has_its_name_and_response_time(runbook: Runbook) -> None:
    read = [(one.id, one.name, one.response_time_s) for one in runbook.severities]
    assert read == SEVERITIES
    assert [len(one.conditions) for one in runbook.severities] == [3, 3, 3]


def test_the_numbers_of_the_severities_are_read(runbook: Runbook) -> None:
    read = {
        (severity.id, one.metric, one.comparator, one.value, one.unit)
        for severity in runbook.severities
        for one in severity.thresholds
    }
    assert read == {
        ("P1", "error rate", ">", 0.05, "ratio"),
        ("P1", "response time", ">", 3.0, "s"),
        ("P2", "performance degradation", "<", 0.2, "ratio"),
    }


def test_the_steady_state_is_read(runbook: Runbook) -> None:
    read = [(one.metric, one.comparator, one.value, one.unit) for one in runbook.steady_state]
    assert read == STEADY_STATE


def test_every_alert_is_read(runbook: Runbook) -> None:
    read = [
        (
            claim.id,
            claim.threshold
            and (
                claim.threshold.comparator,
                claim.threshold.value,
                claim.threshold.unit,
                claim.threshold.window_s,
            ),
        )
        for claim in runbook.alerts
    ]
    assert read == ALERTS


def test_every_procedure_is_read_and_none_invented(runbook: Runbook) -> None:
    read = {
        procedure.id: [
            (step_kind(step), [command.text for command in step.commands])
            for step in procedure.steps
        ]
        for procedure in runbook.procedures
    }
    assert read == PROCEDURES
    for procedure in runbook.procedures:
        assert [step.number for step in procedure.steps] == list(range(1, len(procedure.steps) + 1))


def test_every_command_of_the_document_is_found_in_order(runbook: Runbook) -> None:
    expected = [
        command for steps in PROCEDURES.values() for _, commands in steps for command in commands
    ] + USEFUL_COMMANDS
    assert [command.text for _, command in runbook.having(Command)] == expected


def test_the_monitoring_window_is_fifteen_minutes(runbook: Runbook) -> None:
    rollback = next(one for one in runbook.procedures if one.id == "rollback-procedure")
    assert [step.duration_s for step in rollback.steps] == [None, None, None, 900.0]


def test_each_line_number_points_at_the_source(runbook: Runbook) -> None:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    for _, command in runbook.having(Command):
        assert command.text in lines[command.line - 1]
    for procedure in runbook.procedures:
        assert procedure.title in lines[procedure.line - 1]
        for step in procedure.steps:
            assert step.text.split()[0] in "".join(lines[step.line - 2 : step.line])
    for severity in runbook.severities:
        assert severity.id in lines[severity.line - 1]
        assert severity.response_line is not None
        assert "Response time" in lines[severity.response_line - 1]
    for threshold in runbook.steady_state:
        assert threshold.text.partition(":")[2].strip() in lines[threshold.line - 1]
    for claim in runbook.alerts:
        assert lines[claim.line - 1] == f"- {claim.text}"


def test_the_digest_is_that_of_the_file(runbook: Runbook) -> None:
    assert runbook.sha256 == hashlib.sha256(PATH.read_bytes()).hexdigest()
    assert runbook.path == str(PATH)


def test_the_bindings_fit_the_runbook(runbook: Runbook) -> None:
    bindings = load_bindings(FOLDER / "bindings.yaml")
    assert set(bindings.metrics) == {one.metric for one in runbook.steady_state}
    assert set(bindings.alerts) == {one.id for one in runbook.alerts}
    needed = {
        name
        for procedure in runbook.procedures
        for step in procedure.steps
        for command in step.commands
        for name in command.placeholders
    }
    assert set(bindings.placeholders) == needed
    assert bindings.placeholders["<pod-name>"] == PodQuery(
        namespace="production", selector="app=payment-service", prefer="not-ready"
    )


def test_every_metric_is_promql() -> None:
    for expression in load_bindings(FOLDER / "bindings.yaml").metrics.values():
        promql_parser.parse(expression)
