"""What is told of single commands and steps: tables of what people write."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.claims import Command, Step
from rundrill.lint import Material, calls_of, check
from rundrill.lint.nature import by_words, does
from rundrill.runbook import parse

KINDS = ("command-needs-human", "command-needs-terminal", "command-never-ends")


def rules(command: str, words: str = "") -> list[str]:
    text = f"# Shop\n\n## Failure of the shop\n\n1. {words}\n\n   ```sh\n   {command}\n   ```\n"
    runbook = parse(text, "shop.md")
    result = check(Material(runbook=runbook, runbook_file="/", today=date(2026, 1, 1)))
    return sorted({one.rule for one in result.findings})


def calls(command: str, *placeholders: str) -> list[tuple[str, ...]]:
    made = Command(line=1, text=command, placeholders=placeholders)
    return [call.words for call in calls_of(made)]


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("kubectl edit deployment shop", "command-needs-human"),
        ("kubectl attach shop-1", "command-needs-terminal"),
        ("kubectl debug -it shop-1 --image=busybox", "command-needs-terminal"),
        ("kubectl exec -it shop-1 -- bash", "command-needs-terminal"),
        ("kubectl exec shop-1 -i -- sh -l", "command-needs-terminal"),
        ("kubectl exec -it shop-1 -- redis-cli", "command-needs-terminal"),
        ("kubectl exec -t shop-1 -- ls", "command-needs-terminal"),
        ("psql -h db -U postgres shop", "command-needs-terminal"),
        ("mysql -u root", "command-needs-terminal"),
        ("redis-cli -h cache -p 6379", "command-needs-terminal"),
        ("less /var/log/shop.log", "command-needs-terminal"),
        ("sudo vim /etc/shop.conf", "command-needs-terminal"),
        ("kubectl logs -f deploy/shop", "command-never-ends"),
        ("kubectl get pods -w", "command-never-ends"),
        ("kubectl port-forward svc/shop 80:80", "command-never-ends"),
        ("watch -n 5 kubectl get pods", "command-never-ends"),
        ("tail -f /var/log/shop.log", "command-never-ends"),
        ("journalctl -f -u shop", "command-never-ends"),
        ("docker logs -f shop", "command-never-ends"),
        ("stern shop", "command-never-ends"),
        ("top", "command-never-ends"),
    ],
)
def test_commands_that_nobody_can_follow_as_they_stand(command: str, rule: str) -> None:
    assert [one for one in rules(command) if one in KINDS] == [rule]


@pytest.mark.parametrize(
    "command",
    [
        "kubectl exec shop-1 -- ls /",
        "kubectl exec -i shop-1 -- psql < dump.sql",
        "psql -Atc 'select 1'",
        "psql --command='select 1'",
        "mysql -Nse 'select 1'",
        "cat fix.sql | psql shop",
        "redis-cli -h cache ping",
        "redis-cli --scan",
        "bash restart.sh",
        "python3 -c 'print(1)'",
        "tail -n 100 /var/log/shop.log",
        "timeout 30 tail -f /var/log/shop.log",
        "journalctl -u shop --since -1h",
        "stern shop --no-follow",
        "top -b -n 1",
        "kubectl get pods --watch=false",
        "docker logs shop",
    ],
)
def test_commands_that_end_by_themselves(command: str) -> None:
    assert [one for one in rules(command) if one in KINDS] == []


@pytest.mark.parametrize(
    "command",
    [
        "kubectl delete pods --all -n shop",
        "kubectl delete po -l app=shop",
        "kubectl delete deployment shop",
        "kubectl delete pvc data-db-0",
        "kubectl delete -f deploy/",
        "kubectl delete namespace shop",
        "kubectl scale deployment shop --replicas=0",
        "kubectl drain node-1 --force",
        "kubectl exec db-0 -- psql -c 'DROP TABLE orders'",
        "psql -c 'truncate orders'",
        "psql -c 'delete from orders'",
        "rm -rf /var/lib/shop",
        "redis-cli FLUSHALL",
        "helm uninstall shop",
        "terraform destroy",
    ],
)
def test_what_destroys_without_a_guard_and_with_one(command: str) -> None:
    assert "destructive-without-guard" in rules(command, "Clean up:")
    assert "destructive-without-guard" not in rules(command, "Only after a backup, clean up:")


@pytest.mark.parametrize(
    "command",
    [
        "kubectl delete pod shop-1234",
        "kubectl delete pods -l app=shop --dry-run=server",
        "kubectl delete job migrate",
        "kubectl drain node-1 --ignore-daemonsets",
        "kubectl scale deployment shop --replicas=3",
        "kubectl rollout restart deployment/shop",
        "psql -c 'delete from carts where age > 30'",
        "rm /tmp/dump",
        "helm rollback shop",
    ],
)
def test_what_destroys_nothing(command: str) -> None:
    assert "destructive-without-guard" not in rules(command, "Do it:")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Check gateway status pages", "look"),
        ("Verify API credentials and rate limits", "look"),
        ("Verify connection pool settings", "look"),
        ("Check for memory leaks in recent code changes", "look"),
        ("Never FLUSHALL: it logs everybody out", "look"),
        ("See why a pod exits", "look"),
        ("Verify that payments go through", "verify"),
        ("If it is back, confirm with the support desk", "verify"),
        ("Then monitor error rates", "verify"),
        ("Login works on the site", "verify"),
        ("In 10 minutes the queue should be shorter", "verify"),
        ("Contact vendor support if widespread", "tell"),
        ("Once it is clear, escalate to the database team", "tell"),
        ("Enable fallback payment methods", "remedy"),
        ("If needed, restart the workers", "remedy"),
        ("Switch the fallback on", "remedy"),
    ],
)
def test_what_a_manual_step_is_for(text: str, what: str) -> None:
    assert by_words(text) == what
    assert does(Step(number=1, line=1, text=text)) == what


@pytest.mark.parametrize(
    ("text", "command", "what"),
    [
        ("", "kubectl rollout undo deployment/shop", "remedy"),
        ("Check resource limits", "kubectl describe pod shop-1", "look"),
        ("See the pods", "kubectl get pods", "verify"),
        ("", "kubectl rollout status deployment/shop", "verify"),
        ("Check:", "ansible all -m command -a uptime", "verify"),
        ("Watch the recovery", "ceph -s", "verify"),
        ("", "journalctl --vacuum-size=200M", "remedy"),
        ("", "psql -c \"select pg_drop_replication_slot('x')\"", "remedy"),
    ],
)
def test_what_a_step_with_a_command_is_for(text: str, command: str, what: str) -> None:
    step = Step(number=1, line=1, text=text, commands=(Command(line=1, text=command),))
    assert does(step) == what


def test_a_step_that_says_how_long_to_watch_verifies() -> None:
    assert does(Step(number=1, line=1, text="Monitor for 15 minutes", duration_s=900)) == "verify"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (
            "kubectl get pods | grep -v Running",
            [("kubectl", "get", "pods"), ("grep", "-v", "Running")],
        ),
        ("sudo -n kubectl get no && echo ok", [("kubectl", "get", "no"), ("echo", "ok")]),
        ("FOO=1 kubectl get pods 2>/dev/null >out", [("kubectl", "get", "pods")]),
        (
            "kubectl delete pod $(kubectl get pods -o name | head -1) -n shop",
            [
                ("kubectl", "get", "pods", "-o", "name"),
                ("head", "-1"),
                ("kubectl", "delete", "pod", "\ufffc", "-n", "shop"),
            ],
        ),
        ("kubectl logs `hostname`", [("kubectl", "logs", "\ufffc")]),
        ("kubectl logs $POD -n ${NS}", [("kubectl", "logs", "\ufffc", "-n", "\ufffc")]),
        ("psql <<EOF\nselect 1;\nEOF", [("psql",)]),
        ("kubectl get pods # all of them? 'no", []),
        (
            "if kubectl get ns shop; then kubectl get pods; fi",
            [("kubectl", "get", "ns", "shop"), ("kubectl", "get", "pods"), ("fi",)],
        ),
        ("echo \"don't", []),
        ("", []),
    ],
)
def test_the_calls_in_a_command(command: str, found: list[tuple[str, ...]]) -> None:
    assert calls(command) == found


def test_a_placeholder_is_an_open_word() -> None:
    assert calls("kubectl describe pod <pod name>", "<pod name>") == [
        ("kubectl", "describe", "pod", "\ufffc")
    ]


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=10), max_size=3))
def test_any_text_is_split_without_an_exception(text: str, placeholders: list[str]) -> None:
    calls(text, *placeholders)
    by_words(text)


LINES = st.sampled_from(
    """\
# Shop
## Alerts
## Severity
### P1 - High
- Response time: 5 minutes
- Error rate > 5%
- error rate < [x]%
## Failure of it
1. Restart: `kubectl delete pods -l a=b`
2. `kubectl edit cm x`
```sh
kubectl logs -f <pod> | tail
```
| a | b |
|---|---|
<!-- rundrill: ignore two-numbers -->
<!-- rundrill: ignore x: y -->
## Contacts
- **Primary**: TBD
**Next review**: 2020-01-01
- P1: within 2 hours (CEO)

> x""".splitlines()
)


@given(st.lists(LINES | st.text(max_size=40), max_size=40))
def test_any_document_is_linted_and_every_finding_has_a_place_in_it(lines: list[str]) -> None:
    text = "# A\n\n1. `kubectl get pods`\n" + "\n".join(lines)
    runbook = parse(text, "a.md")
    result = check(Material(runbook=runbook, runbook_file="/a.md", today=date(2026, 1, 1)))
    for one in result.findings:
        assert 1 <= one.line <= len(runbook.lines)
        assert 1 <= one.column <= len(runbook.lines[one.line - 1].text) + 1
        assert one.message
        assert one.fix
