"""What the shipped drills need: against what the runner really requests, and against the role."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from fakes import FakeClock

from rundrill.inputs import Inputs, make_plan, read_inputs
from rundrill.model import BlastRadius, Plan
from rundrill.money import GatewayBooks
from rundrill.permissions import Access, Needs, as_role, merged, needs_of
from rundrill.permissions.drill import way_back
from rundrill.plan_command import run as run_plan
from rundrill.restore import take_snapshot
from rundrill.sources import KUBE_STATE_METRICS, scrape_targets
from rundrill.target import lease, marker
from rundrill.target.cluster import Cluster, ClusterError

TOP = Path(__file__).parents[3]
EXPERIMENTS = sorted((TOP / "experiments").glob("*.yaml"))
ROLE = TOP / "deploy" / "rbac.yaml"


@cache
def drill(name: str) -> tuple[Inputs, Plan]:
    inputs = read_inputs(TOP / "experiments" / f"{name}.yaml")
    return inputs, make_plan(inputs, target="local", compression=20, wall_s=150)


def needs(name: str, **changes: object) -> Needs:
    inputs, plan = drill(name)
    return needs_of(replace(plan, **changes), inputs.service)  # type: ignore[arg-type]


def of(found: Needs, who: str) -> set[str]:
    return {str(need.access) for need in found.needs if who in need.who}


# ---------------------------------------------------------------- what the runner itself requests

METHODS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[a-z]+).*)?)?"
)


class Recording(Cluster):
    """Answers everything, and keeps what was asked for, as RBAC names it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.marker: dict[str, Any] = {}

    def _request(self, method: str, path: str, **given: Any) -> str:
        read = PATH.fullmatch(path.partition("?")[0])
        assert read is not None, path
        named = read["name"] is not None
        verb = METHODS.get(method) or ("get" if named else "list")
        resource = read["resource"] + (f"/{read['part']}" if read["part"] else "")
        access = Access(
            namespace=read["namespace"] or "",
            group=read["group"] or "",
            resource=resource,
            verb=verb,
        )
        self.asked.add(str(access))
        if method == "POST":
            self.marker = dict(cast("Mapping[str, Any]", given["body"]))
        if resource == "configmaps" and named:
            return json.dumps(self.marker)
        pod = {
            "metadata": {"name": "web-1", "namespace": read["namespace"]},
            "spec": {"containers": [{"name": "app", "image": "web"}]},
            "status": {"containerStatuses": [{"name": "app", "started": True}]},
        }
        return json.dumps({"items": [pod] if resource == "pods" else [], "charges": []})


def test_the_snapshot_asks_for_exactly_what_is_granted_for_it() -> None:
    cluster = Recording()
    take_snapshot(cluster, ["production", "database"])
    assert cluster.asked == of(needs("database-down"), "snapshot")


def test_the_marker_asks_for_exactly_what_is_granted_for_it() -> None:
    cluster = Recording()
    where = ["production", "database"]
    marker.find(cluster)
    marker.claim(cluster, namespaces=where, run_id="run", expires=datetime.now(UTC))
    marker.fill(cluster, namespaces=where, run_id="run", entry={})
    marker.release(cluster, namespaces=where, run_id="run")
    assert cluster.asked == of(needs("database-down"), "marker")


def test_the_lease_asks_for_exactly_what_is_granted_for_it() -> None:
    cluster = Recording()

    def known(method: str, path: str, **given: Any) -> str:
        text = Recording._request(cluster, method, path, **given)
        return json.dumps(cluster.marker) if method == "GET" else text

    cluster._request = known  # type: ignore[method-assign]
    who = {"holder": "here_1"}
    lease.take(cluster, "production", run_id="day", clock=FakeClock(), say=print, **who)
    lease.renew(cluster, "production", **who)
    lease.release(cluster, "production", **who)
    assert cluster.asked == of(needs("crash-loop"), "lease")
    assert cluster.asked == of(needs("crash-loop", arm="dry"), "lease")


class Bare(Recording):
    """A cluster without kube-state-metrics, whose objects are in working order."""

    def _request(self, method: str, path: str, **given: Any) -> str:
        text = super()._request(method, path, **given)
        if path == KUBE_STATE_METRICS:
            raise ClusterError('services "kube-state-metrics" not found', 404)
        listed = json.loads(text)
        for item in listed["items"]:
            item["metadata"]["uid"] = "1"
            item["status"] = {}
        return json.dumps(listed)


def test_the_detection_asks_for_exactly_what_is_granted_for_it() -> None:
    inputs, _ = drill("crash-loop")
    load = type("Load", (), {"metrics_url": "http://127.0.0.1:9/"})()
    asked: set[str] = set()
    for cluster in (Recording(), Bare()):
        nodes = [*cluster.nodes(), "node"]
        for target in scrape_targets(cluster, nodes, inputs.service, load)():
            if target.job != "load":
                target.fetch()
        asked |= cluster.asked
    assert asked == of(needs("crash-loop"), "detection")


def test_the_books_ask_for_no_more_than_is_granted_for_the_audit() -> None:
    inputs, _ = drill("crash-loop")
    cluster = Recording()
    books = GatewayBooks(cluster, inputs.service.charges)
    books.open()
    books.read()
    kubectl = {"get pods in database", "create pods/exec in database"}
    assert cluster.asked | kubectl == of(needs("crash-loop"), "audit")


# ---------------------------------------------------------------- who needs what


def test_a_need_names_the_fault_and_the_line_of_the_runbook() -> None:
    (patch,) = (
        need
        for need in needs("crash-loop").needs
        if str(need.access) == "patch deployments (apps) in production"
    )
    assert patch.who == (
        "fault bad-release",
        "pod-crashloopbackoff#2 (runbook.md:66)",
        "undo of pod-crashloopbackoff#2 (runbook.md:66)",
    )


def test_an_arm_in_which_nobody_follows_the_runbook_needs_nothing_for_it() -> None:
    drilled, control, dry = (needs("memory-leak", arm=arm) for arm in ("drill", "control", "dry"))
    assert "delete pods in production" in {str(need.access) for need in drilled.needs}
    assert "delete pods in production" not in {str(need.access) for need in control.needs}
    assert of(control, "fault memory-leak")
    assert not of(dry, "fault memory-leak")
    assert not of(dry, "marker")
    assert of(dry, "snapshot")


def test_a_command_that_is_refused_needs_nothing() -> None:
    nothing = BlastRadius(namespaces=("production",), verbs=())
    found = needs("memory-leak", blast_radius=nothing)
    assert not [who for need in found.needs for who in need.who if "runbook.md" in who]


def test_what_a_command_deletes_the_undo_makes_again() -> None:
    def asked(verb: str, resource: str, group: str = "apps") -> Access:
        return Access(namespace="production", group=group, resource=resource, verb=verb)

    assert [str(one) for one in way_back([asked("delete", "deployments")])] == [
        "create deployments (apps) in production"
    ]
    assert [str(one) for one in way_back([asked("patch", "deployments/scale")])] == [
        "patch deployments (apps) in production"
    ]
    assert way_back([asked("delete", "pods", ""), asked("create", "services", "")]) == []


def test_nothing_that_a_shipped_drill_runs_is_unknown() -> None:
    assert [needs(path.stem).unknown for path in EXPERIMENTS if needs(path.stem).unknown] == []


# ---------------------------------------------------------------- the role


def rules(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Namespace, group, resource, verb: read from the role without our own code."""
    documents: Sequence[Mapping[str, Any]] = list(yaml.safe_load_all(text))
    bound = {
        (one["roleRef"]["kind"], one["metadata"].get("namespace", ""))
        for one in documents
        if one["kind"].endswith("Binding")
        and one["subjects"]
        == [{"kind": "ServiceAccount", "name": "rundrill", "namespace": "rundrill"}]
    }
    for one in documents:
        namespace = one["metadata"].get("namespace", "")
        if one["kind"] not in ("Role", "ClusterRole"):
            continue
        assert (one["kind"], namespace) in bound
        for rule in one["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield namespace, group, resource, verb


def test_the_shipped_role_grants_exactly_what_the_shipped_drills_need(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    if request.config.getoption("--update-golden"):
        monkeypatch.chdir(TOP)
        paths = [path.relative_to(TOP) for path in EXPERIMENTS]
        options = type("Options", (), {})()
        vars(options).update(experiment=paths, compress=20.0, json=False, rbac=True)
        run_plan(options, 150.0)
        ROLE.write_text(capsys.readouterr().out, encoding="utf-8")
    every = merged(needs(path.stem) for path in EXPERIMENTS)
    wanted = {
        (one.access.namespace, one.access.group, one.access.resource, one.access.verb)
        for one in every.needs
    }
    granted = list(rules(ROLE.read_text(encoding="utf-8")))
    assert sorted(granted) == sorted(wanted), "make it again: pytest --update-golden"
    assert "secrets" not in {resource for _, _, resource, _ in granted}


def test_a_role_grants_what_it_is_asked_for_and_nothing_beside_it() -> None:
    asked = [
        Access(namespace="a", group="apps", resource="deployments", verb="get"),
        Access(namespace="a", group="apps", resource="deployments/scale", verb="patch"),
        Access(namespace="a", group="", resource="pods", verb="get"),
        Access(namespace="", group="", resource="nodes", verb="list"),
    ]
    assert sorted(rules(as_role(asked))) == sorted(
        (one.namespace, one.group, one.resource, one.verb) for one in asked
    )


@pytest.mark.parametrize(
    ("audit", "asked", "unknown"),
    [
        ("psql -c 'SELECT 1'", set(), []),
        ("kubectl frobnicate payments", set(), ["what `frobnicate` asks for is not known here"]),
        ("kubectl get cm ledger -n books", {"get configmaps in books"}, []),
    ],
)
def test_an_audit_needs_what_its_command_asks_for(
    audit: str, asked: set[str], unknown: list[str]
) -> None:
    inputs, plan = drill("crash-loop")
    found = needs_of(plan, replace(inputs.service, audit=audit, charges=()))
    assert of(found, "audit") == asked
    assert [one.why for one in found.unknown] == unknown
    assert merged([found, found]).unknown == found.unknown
