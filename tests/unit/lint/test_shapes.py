"""A runbook of another team, all tables: what contradicts in it, by line."""

from datetime import date

from rundrill.claims import Command
from rundrill.kubectl_answers import ask
from rundrill.lint import Material, calls_of, check
from rundrill.responder import find_kubectl
from rundrill.runbook import parse

RUNBOOK = """\
# Orders API runbook

## Severity matrix

| Severity | Trigger | Respond within | Escalate to |
|---|---|---|---|
| SEV1 | error rate > 10% | 5 minutes | Head of Orders |
| SEV2 | p95 latency above 1.5 s | 20 minutes | Orders lead |
| SEV3 | disk usage > 85% | | Orders lead |

## Healthy values

- error rate: below 3%
- p95 latency: under 600ms
- memory usage: < 92%
- error rate should stay < 2%

## Paging alerts

| Alert | Condition | For |
|---|---|---|
| OrdersErrors | error rate > 12% | 5m |
| OrdersSlow | p95 latency > 1.2s | 5m |
| OrdersMemory | memory usage > 90% | 5m |
| OrdersQueue | queue is growing | |

## Who is told

- SEV1: notify the CTO within 15 minutes
- SEV2: notify support within 10 minutes

## Scenarios

### Workers out of memory
Symptoms: memory usage above 95%
1. Look at `kubectl top pods -n orders -l app=worker`
2. `kubectl delete pods -n orders -l app=worker`

### Queue stuck
1. `kubectl exec -it rabbit-0 -n orders -- rabbitmqctl list_queues`
2. `kubectl get pods -n orders --sort=age`

## Contacts
| Who | How |
|---|---|
| Orders on-call | see the on-call schedule |
| Orders lead | TBD |

Last reviewed: 2024-02-01
"""

FOUND = {
    ("contact-missing", "| SEV1 |"),
    ("severity-without-response-time", "| SEV3 |"),
    ("steady-state-above-alert", "- memory usage: < 92%"),
    ("two-numbers", "- error rate should stay < 2%"),
    ("alert-looser-than-severity", "| OrdersErrors |"),
    ("alert-without-number", "| OrdersQueue |"),
    ("contact-missing", "- SEV1: notify"),
    ("deadline-after-response-time", "- SEV1: notify"),
    ("contact-missing", "- SEV2: notify"),
    ("symptom-differs-from-alert", "Symptoms: memory"),
    ("destructive-without-guard", "2. `kubectl delete pods"),
    ("remedy-without-verification", "2. `kubectl delete pods"),
    ("command-needs-terminal", "1. `kubectl exec -it"),
    ("command-refused", "2. `kubectl get pods -n orders --sort=age`"),
    ("schedule-missing", "| Orders on-call |"),
    ("contact-missing", "| Orders lead |"),
    ("review-overdue", "Last reviewed"),
}
"""Made by reading the document."""


def test_all_of_it_is_found_and_nothing_else() -> None:
    runbook = parse(RUNBOOK, "orders.md")
    calls = [
        call.kubectl
        for _, command in runbook.having(Command)
        for call in calls_of(command)
        if call.kubectl is not None
    ]
    result = check(
        Material(
            runbook=runbook,
            runbook_file="/orders.md",
            today=date(2026, 12, 1),
            kubectl=ask(find_kubectl(), calls),
        )
    )
    lines = RUNBOOK.splitlines()
    told = {(one.rule, lines[one.line - 1]) for one in result.findings}
    assert {rule for rule, _ in told} == {rule for rule, _ in FOUND}
    for rule, begin in FOUND:
        assert any(rule == one and line.startswith(begin) for one, line in told), (rule, begin)
    assert len(told) == len(FOUND)
