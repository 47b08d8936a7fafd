"""A small runbook with which nothing is wrong, and what stands around it."""

from datetime import date
from pathlib import Path

from rundrill.claims import Command
from rundrill.detection.rules import parse_rules
from rundrill.kubectl_answers import ask
from rundrill.lint import Drilled, LintFinding, Material, Result, calls_of, check
from rundrill.resources import Resource, Resources
from rundrill.responder import find_kubectl
from rundrill.runbook import parse

RUNBOOK = """\
# Shop runbook

## Severity levels

### P1 - High
- Error rate above normal (>5%)
- **Response time**: 30 minutes
- **Escalation**: Head of Shop within 1 hour

## Steady state
- **Error rate**: should be <1%
- **Response time**: should be <500ms

## Failure modes

### Pods crash loop
**Symptoms**: restart count >3 in 10 minutes

1. See the releases: `kubectl rollout history deployment/shop -n shop`
2. Go back: `kubectl rollout undo deployment/shop -n shop`
3. Verify that it is complete: `kubectl rollout status deployment/shop -n shop`

## Communication

### Stakeholders
- P1: within 20 minutes (Shop lead)

## Monitoring

### Dashboards
- [Shop overview](https://grafana.example/d/shop)

### Critical alerts
- Error rate >5%
- Response time >2 seconds
- Restart count >3 in 10 minutes

## Contacts

### On call
- **Shop lead**: +00 555 0100
- **Head of Shop**: +00 555 0199

## Useful commands

```bash
kubectl get pods -n shop -l app=shop
kubectl logs deployment/shop -n shop --tail=100
```

**Next review**: 2027-03-01
"""

RULES = """\
groups:
  - name: shop
    rules:
      - alert: ShopErrorRateHigh
        expr: rate(errors_total[5m]) / rate(requests_total[5m]) > 0.05
      - alert: ShopResponseTimeHigh
        expr: shop_response_seconds > 2
      - alert: ShopRestartCount
        expr: increase(kube_pod_container_status_restarts_total[10m]) > 3
"""

RESOURCES = Resources(
    source="deploy",
    objects=(
        Resource(kind="Namespace", namespace="", name="shop"),
        Resource(
            kind="Deployment",
            namespace="shop",
            name="shop",
            pod_labels={"app": "shop"},
            containers=("shop",),
        ),
        Resource(
            kind="StatefulSet",
            namespace="shop",
            name="db",
            pod_labels={"app": "db"},
            containers=("postgres",),
            replicas=1,
        ),
        Resource(kind="Service", namespace="shop", name="shop-metrics"),
    ),
)
EXPERIMENTS = (Drilled(path="e.yaml", runbook="/shop.md", procedures=("pods-crash-loop",)),)
TODAY = date(2026, 12, 1)


_ANSWERS: dict[tuple[str, ...], str | None] = {}


def _kubectl(calls: list[tuple[str, ...]]) -> dict[tuple[str, ...], str | None]:
    """The installed kubectl's answers, each asked for once."""
    _ANSWERS.update(ask(find_kubectl(), [one for one in calls if one not in _ANSWERS]))
    return _ANSWERS


def lint(
    text: str = RUNBOOK,
    *,
    rules: str = RULES,
    resources: Resources = RESOURCES,
    experiments: tuple[Drilled, ...] = EXPERIMENTS,
    today: date = TODAY,
) -> Result:
    """With the installed kubectl asked, and everything else as above."""
    runbook = parse(text, "shop.md")
    calls = [
        call.kubectl
        for _, command in runbook.having(Command)
        for call in calls_of(command)
        if call.kubectl is not None
    ]
    return check(
        Material(
            runbook=runbook,
            runbook_file="/shop.md",
            today=today,
            rules=parse_rules(rules, "alerts.yml"),
            rules_lines=rules.splitlines(),
            resources=resources,
            kubectl=_kubectl(calls),
            experiments=experiments,
        )
    )


def changed(old: str, new: str, text: str = RUNBOOK) -> str:
    assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
    return text.replace(old, new)


def told(result: Result) -> list[tuple[str, int]]:
    return [(one.rule, one.line) for one in result.findings]


def only(result: Result, rule: str) -> list[LintFinding]:
    return [one for one in result.findings if one.rule == rule]


def root() -> Path:
    return Path(__file__).parents[3]
