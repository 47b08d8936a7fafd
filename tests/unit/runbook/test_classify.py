import pytest

from rundrill.claims import Command, Step
from rundrill.runbook.classify import command_kind, step_kind

DIAGNOSIS = [
    "kubectl get pods -n production",
    "kubectl -n production describe pod x",
    "kubectl logs -f deployment/a",
    "kubectl top pods",
    "kubectl rollout history deployment/a",
    "kubectl get events --sort-by='.lastTimestamp'",
    "kubectl port-forward svc/a 80:80",
    'kubectl exec -it postgresql-0 -n database -- psql -U postgres -c "SELECT 1"',
    "kubectl exec -it deployment/a -- curl localhost:15000/stats",
    "kubectl exec a cat /etc/hosts",
    "kubectl exec a -- sh -c 'ps aux | grep java'",
    "kubectl exec -it a -- redis-cli ping",
    "kubectl delete pod a --dry-run=client",
    "kubectl apply --dry-run=server -f x",
    "kubectl",
    "kubectl get pods | grep Crash | wc -l",
    "sudo journalctl -u nginx",
    "watch -n 5 kubectl get pods",
    "FOO=bar helm history payments",
    "helm status payments",
    "aws rds describe-db-instances",
    "systemctl status nginx",
    "curl -s https://localhost/health",
    "/usr/bin/dig example.com",
    "sudo",
    "",
    "echo 'not closed",
]
REMEDIES = [
    "kubectl rollout undo deployment/a",
    "kubectl rollout restart deployment/a",
    "kubectl delete pods -l app=a",
    "kubectl scale deployment a --replicas=5",
    "kubectl apply -f x",
    "kubectl edit configmap a",
    "kubectl patch svc a -p '{}'",
    "kubectl set image deployment/a a=b:1",
    "kubectl config use-context x",
    "kubectl exec a -- kill 1",
    "kubectl exec a -- psql -c 'DROP TABLE x'",
    "kubectl exec a -- redis-cli FLUSHALL",
    "kubectl exec a -- sh -c 'rm -rf /tmp/x'",
    "kubectl get pods -o name | xargs -n 1 kubectl delete",
    "kubectl get pods && kubectl rollout undo deployment/a",
    "helm rollback payments 3",
    "systemctl restart nginx",
    "curl -X POST localhost/reset",
    "curl -XDELETE localhost/x",
    "curl -d a=b localhost/x",
    "paytool drain",
]
VERIFICATIONS = [
    "kubectl rollout status deployment/a",
    "kubectl wait --for=condition=Ready pod/a",
    "kubectl get pods; kubectl rollout status deployment/a",
]


@pytest.mark.parametrize("text", DIAGNOSIS)
def test_commands_that_look(text: str) -> None:
    assert command_kind(text) == "diagnosis"


@pytest.mark.parametrize("text", REMEDIES)
def test_commands_that_mend(text: str) -> None:
    assert command_kind(text) == "remedy"


@pytest.mark.parametrize("text", VERIFICATIONS)
def test_commands_that_check(text: str) -> None:
    assert command_kind(text) == "verification"


@pytest.mark.parametrize(
    ("texts", "duration_s", "kind"),
    [
        ([DIAGNOSIS[0], REMEDIES[0], VERIFICATIONS[0]], None, "remedy"),
        ([DIAGNOSIS[0], VERIFICATIONS[0]], 60.0, "verification"),
        ([DIAGNOSIS[0]], None, "diagnosis"),
        ([], 900.0, "monitoring"),
        ([], None, "manual"),
    ],
)
def test_a_step_is_what_its_strongest_command_is(
    texts: list[str], duration_s: float | None, kind: str
) -> None:
    step = Step(
        number=1,
        line=1,
        text="a step",
        commands=tuple(Command(line=1, text=text) for text in texts),
        duration_s=duration_s,
    )
    assert step_kind(step) == kind
