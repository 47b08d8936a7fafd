"""The account of deploy/rbac.yaml on a cluster with real RBAC: enough for every drill, and no more.

The drills' own commands are really carried out by it, literally, by the runner's own responder.
"""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from conftest import HERE
from transcript import Cluster

from rundrill.access_review import require_allowed
from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.errors import TargetError
from rundrill.events import CommandFinished, CommandRefused, Event
from rundrill.inputs import Inputs, make_plan, read_inputs
from rundrill.model import Plan, PlannedStep
from rundrill.permissions import Access, Need, Needs, as_role, merged, needs_of
from rundrill.responder import AutoResponder, Kubectl
from rundrill.restore import take_snapshot
from rundrill.target import lease, marker
from rundrill.target.cluster import Cluster as Target
from rundrill.target.cluster import ClusterError

TOP = HERE.parents[1]
DEPLOY = TOP / "deploy"
NAMESPACES = ("production", "database", "gateways")
CLOCK = MonotonicClock()
POSTGRESQL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgresql, namespace: database, labels: {app: postgresql}}
spec:
  serviceName: postgresql
  selector: {matchLabels: {app: postgresql}}
  template:
    metadata: {labels: {app: postgresql}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "conformance/sleep:v1", imagePullPolicy: IfNotPresent,
                    command: [sleep, "100000"]}]
"""


def drills() -> Sequence[tuple[Inputs, Plan]]:
    read = [read_inputs(path) for path in sorted((TOP / "experiments").glob("*.yaml"))]
    return [(one, make_plan(one, target="there", compression=20, wall_s=150)) for one in read]


@pytest.fixture(scope="module")
def needs() -> Needs:
    return merged(needs_of(plan, inputs.service) for inputs, plan in drills())


@pytest.fixture(scope="module")
def there(cluster: Cluster) -> Iterator[Cluster]:
    """A service of the runbook's shape, and the account of the role."""
    if cluster.is_ours:
        pytest.skip("the embedded cluster has no RBAC: whoever holds its token may do everything")
    found = cluster.kubectl("kubectl get namespaces -o name", check=True).stdout.split()
    if taken := {f"namespace/{name}" for name in NAMESPACES} & set(found):
        pytest.skip(f"somebody else's, and not touched: {', '.join(sorted(taken))}")
    try:
        cluster.kubectl(f"kubectl apply -f {DEPLOY / 'base' / 'namespaces.yaml'}", check=True)
        for name in NAMESPACES:
            account = f"kubectl get serviceaccount default -n {name}"
            _until(lambda a=account: cluster.kubectl(a).returncode == 0, f"the account of {name}")
        cluster.kubectl("kubectl apply -n production -f payment.yaml", check=True)
        cluster.kubectl("kubectl apply -f -", stdin=POSTGRESQL, check=True)
        for what in ("deployment/payment-service -n production", "sts/postgresql -n database"):
            cluster.kubectl(f"kubectl rollout status {what} --timeout=90s", check=True)
        # An incident has a release before the present one.
        again = "kubectl rollout restart deployment/payment-service -n production"
        cluster.kubectl(again, check=True)
        yield cluster
    finally:
        for name in (*NAMESPACES, "rundrill"):
            cluster.kubectl(f"kubectl delete namespace {name} --ignore-not-found --wait=false")
        for kind in ("clusterrolebinding", "clusterrole", "role -n kube-system",
                     "rolebinding -n kube-system"):  # fmt: skip
            cluster.kubectl(f"kubectl delete {kind} rundrill --ignore-not-found")


@pytest.fixture(scope="module")
def account(there: Cluster) -> Path:
    """The kubeconfig of the account that the shipped role makes."""
    there.kubectl(f"kubectl apply -f {DEPLOY / 'rbac.yaml'}", check=True)
    tokens: list[str] = []

    def token() -> bool:
        # Before 1.24 it is a Secret; since then it is asked for.
        names = there.kubectl(
            "kubectl get serviceaccount rundrill -n rundrill -o jsonpath={.secrets[*].name}"
        ).stdout.split()
        done = (
            there.kubectl(f"kubectl get secret {names[0]} -n rundrill -o go-template="
                          "{{.data.token|base64decode}}")
            if names
            else there.kubectl("kubectl create token rundrill -n rundrill")
        )  # fmt: skip
        tokens.append(done.stdout.strip())
        return done.returncode == 0 and bool(tokens[-1])

    _until(token, "a token of the account")
    config = yaml.safe_load(there.kubeconfig.read_text(encoding="utf-8"))
    (context,) = (one for one in config["contexts"] if one["name"] == config["current-context"])
    context["context"]["user"] = "account"
    config["users"] = [{"name": "account", "user": {"token": tokens[-1]}}]
    path = there.scratch / "account.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def target(account: Path, needs: Needs, there: Cluster) -> Iterator[Target]:
    """The API server as that account, once it heeds the role."""
    made = Target(account, scratch=there.scratch)
    _until(lambda: all(_may(made, need.access) for need in needs.needs), "the role to be heeded")
    yield made
    made.close()


def _until(true: object, what: str) -> None:
    until(true, what=what, budget_s=60, every_s=0.2, clock=CLOCK)  # type: ignore[arg-type]


def _may(target: Target, access: Access) -> bool:
    return target.may(
        verb=access.verb,
        group=access.group,
        resource=access.resource,
        namespace=access.namespace,
    )


def test_the_account_may_do_all_that_the_drills_need(
    target: Target, account: Path, needs: Needs
) -> None:
    require_allowed(target, needs.needs, path=account)


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace"),
    [
        ("delete", "", "namespaces", "production"),
        ("delete", "", "namespaces", ""),
        ("delete", "apps", "deployments", "production"),
        ("get", "", "secrets", "production"),
        ("list", "", "secrets", ""),
        ("create", "", "pods/exec", "production"),
        ("list", "", "pods", "default"),
        ("list", "", "pods", ""),
        ("delete", "", "configmaps", "default"),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ],
)
def test_and_nothing_else(
    target: Target, verb: str, group: str, resource: str, namespace: str
) -> None:
    assert not target.may(verb=verb, group=group, resource=resource, namespace=namespace)


def test_the_runners_own_requests_are_allowed(target: Target) -> None:
    where = ["production", "database"]
    marker.claim(target, namespaces=where, run_id="try", expires=datetime.now(UTC))
    marker.fill(target, namespaces=where, run_id="try", entry={})
    assert len(marker.find(target)) == 2
    marker.release(target, namespaces=where, run_id="try")
    lease.take(
        target, "production", holder="try", run_id="try", clock=MonotonicClock(), say=lambda _: None
    )
    lease.renew(target, "production", holder="try")
    lease.release(target, "production", holder="try")
    assert "deployment/production/payment-service" in take_snapshot(target, NAMESPACES)
    assert target.nodes()
    assert target.cluster_ip("production", "payment-service")


def test_no_command_of_any_drill_is_forbidden(
    target: Target, account: Path, there: Cluster
) -> None:
    events: list[Event] = []
    done: set[tuple[str, object]] = set()
    for _, plan in drills():
        new = [
            replace(step, commands=commands)
            for step in plan.steps
            if (commands := tuple(c for c in step.commands if (c.text, str(step.edit)) not in done))
        ]
        done |= {(c.text, str(step.edit)) for step in new for c in step.commands}
        _settle(there)
        _follow(plan, new, target, account, there, events)
    refused = [event for event in events if isinstance(event, CommandRefused)]
    finished = [event for event in events if isinstance(event, CommandFinished)]
    assert refused == []
    assert len(finished) >= 15
    forbidden = [event for event in finished if "forbidden" in event.stderr.lower()]
    assert forbidden == []
    # Endless ones are stopped. Pods go within a procedure, and new ones have no metrics yet.
    failed = [
        (event.text, event.stderr)
        for event in finished
        if event.exit_code not in (0, None)
        and not re.search("not ?found|metrics not available", event.stderr, re.IGNORECASE)
    ]
    assert failed == []


def _settle(there: Cluster) -> None:
    """A roll-out is complete while pods of the revision before are still ending."""
    rollout = "kubectl rollout status deployment/payment-service -n production --timeout=90s"
    there.kubectl(rollout, check=True)
    ending = (
        "kubectl get pods -n production"
        " -o jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}"
    )
    _until(lambda: not there.kubectl(ending, check=True).stdout, "ending pods to be gone")


def _follow(
    plan: Plan,
    steps: Sequence[PlannedStep],
    target: Target,
    account: Path,
    there: Cluster,
    events: list[Event],
) -> None:
    started = CLOCK.now()
    AutoResponder(
        kubectl=Kubectl(path=there.client.path, kubeconfig=account, cache=there.scratch / "cache"),
        blast_radius=plan.blast_radius,
        placeholders=plan.placeholders,
        pods=target.first_pod,
        command_budget_s=90,
        clock=CLOCK,
        emit=events.append,
        now=lambda: CLOCK.now() - started,
    ).follow(steps, recovered=lambda: False)


def test_the_audit_is_no_more_than_an_exec(account: Path, there: Cluster) -> None:
    command = "exec postgresql-0 -n database -- echo in"
    done = subprocess.run(
        [there.client.path, "--kubeconfig", account, *command.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "in\n"), done.stderr


@pytest.mark.parametrize(
    "lacking",
    [
        "patch deployments (apps) in production",
        "create configmaps in database",
        "get pods/proxy in gateways",
        "list configmaps in the whole cluster",
        "list nodes in the whole cluster",
        "patch deployments/scale (apps) in production",
        "list pods (metrics.k8s.io) in production",
    ],
)
def test_a_role_that_lacks_one_permission_is_told_which(
    target: Target, account: Path, needs: Needs, there: Cluster, lacking: str
) -> None:
    (gone,) = (need for need in needs.needs if str(need.access) == lacking)
    less = as_role(need.access for need in needs.needs if need != gone)
    try:
        there.kubectl("kubectl apply -f -", stdin=less, check=True)
        _until(lambda: not _may(target, gone.access), f"the role without {lacking}")
        with pytest.raises(TargetError) as told:
            require_allowed(target, needs.needs, path=account)
        assert _named(str(told.value)) == [lacking]
    finally:
        there.kubectl(f"kubectl apply -f {DEPLOY / 'rbac.yaml'}", check=True)
        _until(lambda: _may(target, gone.access), "the whole role again")


def _named(message: str) -> list[str]:
    lines = message.splitlines()[1:-1]
    return [line.strip().partition(", for ")[0] for line in lines]


def test_what_the_review_says_no_to_is_really_forbidden(
    target: Target, account: Path, needs: Needs, there: Cluster
) -> None:
    """The answers of the review are no courtesy: the request itself is refused as well."""
    gone = _need(needs, "create configmaps in production")
    less = as_role(need.access for need in needs.needs if need != gone)
    try:
        there.kubectl("kubectl apply -f -", stdin=less, check=True)
        _until(lambda: not _may(target, gone.access), "the lesser role")
        with pytest.raises(ClusterError, match="403"):
            marker.claim(target, namespaces=["production"], run_id="try", expires=datetime.now(UTC))
    finally:
        there.kubectl(f"kubectl apply -f {DEPLOY / 'rbac.yaml'}", check=True)
        _until(lambda: _may(target, gone.access), "the whole role again")


def _need(needs: Needs, name: str) -> Need:
    (found,) = (need for need in needs.needs if str(need.access) == name)
    return found
