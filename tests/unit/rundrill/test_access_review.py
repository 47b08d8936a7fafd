"""The account is asked about before anything is started; all that it lacks is told at once."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeClock, plan

from rundrill import game_day
from rundrill.access_review import require_allowed
from rundrill.errors import TargetError
from rundrill.game_day import Leg
from rundrill.inputs import read_inputs
from rundrill.permissions import Access, Need
from rundrill.session import Site
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.workplace import Workplace

TOP = Path(__file__).parents[3]
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
NEEDS = (
    Need(
        access=Access(namespace="production", group="apps", resource="deployments", verb="patch"),
        who=("fault bad-release", "rollback-procedure#2 (runbook.md:66)"),
    ),
    Need(
        access=Access(namespace="production", group="", resource="pods/log", verb="get"),
        who=tuple(f"step {number}" for number in range(6)),
    ),
    Need(access=Access(namespace="", group="", resource="nodes", verb="list"), who=("detection",)),
)


@dataclass
class Account:
    """May do everything but what is named."""

    denied: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def may(self, *, verb: str, group: str, resource: str, namespace: str) -> bool:
        access = Access(namespace=namespace, group=group, resource=resource, verb=verb)
        self.asked.append(str(access))
        return str(access) not in self.denied


def test_an_account_that_may_do_all_of_it_is_asked_about_each_once() -> None:
    account = Account()
    require_allowed(account, NEEDS, path=Path("kubeconfig"))
    assert sorted(account.asked) == sorted(str(need.access) for need in NEEDS)


def test_everything_that_is_missing_is_named_with_who_needs_it_and_the_fix() -> None:
    account = Account({"patch deployments (apps) in production", "get pods/log in production"})
    with pytest.raises(TargetError) as told:
        require_allowed(account, NEEDS, path=Path("kubeconfig"))
    assert str(told.value) == (
        "kubeconfig: this account lacks 2 of the 3 permissions that the drills need;"
        " nothing was started:\n"
        "  patch deployments (apps) in production, for fault bad-release,"
        " rollback-procedure#2 (runbook.md:66)\n"
        "  get pods/log in production, for step 0, step 1, step 2, step 3 and 2 more\n"
        "  fix: as an administrator `kubectl apply -f deploy/rbac.yaml`, then use the account"
        " that it makes; for experiments of your own see docs/permissions.md"
    )


def test_no_answer_is_no_permission_and_ends_the_asking() -> None:
    class Silent:
        asked = 0

        def may(self, **_: str) -> bool:
            Silent.asked += 1
            raise ClusterError("no answer")

    with pytest.raises(ClusterError, match="no answer"):
        require_allowed(Silent(), NEEDS * 50, path=Path("kubeconfig"))
    assert Silent.asked < len(NEEDS) * 50


def test_a_game_day_without_a_permission_starts_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account({"list nodes in the whole cluster"})
    monkeypatch.setattr(game_day, "Cluster", lambda *_, **__: account)
    monkeypatch.setattr(game_day, "Instruments", _never)
    monkeypatch.setattr(game_day, "Session", _never)
    inputs = read_inputs(TOP / "experiments" / "crash-loop.yaml")
    site = Site(
        kubeconfig=tmp_path / "kubeconfig",
        load_url="http://127.0.0.1:1",
        kubectl=Path("kubectl"),
        scratch=tmp_path,
        journal=SimpleNamespace(),
        clock=FakeClock(),
        place=Workplace(tmp_path / "home"),
        outlives=True,
    )
    leg = Leg(inputs=inputs, plan=plan(fault_parameters={"namespace": "production"}), folder=Path())
    with pytest.raises(TargetError, match="list nodes in the whole cluster, for detection"):
        game_day.run([leg], site=site, runs=tmp_path / "runs", listener=_never)
    assert list(tmp_path.iterdir()) == []


def _never(*_: object, **__: object) -> Any:
    raise AssertionError("nothing may be started")


# ---------------------------------------------------------------- the question itself


class _Answers(BaseHTTPRequestHandler):
    bodies: list[bytes]
    answer: bytes
    code = 201

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.code)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """Something that answers POSTs, and the kubeconfig that leads to it."""
    handler = type("Handler", (_Answers,), {"bodies": [], "answer": b"{}"})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG.format(port=listening.server_address[1]), encoding="utf-8")
    cluster = Cluster(path, scratch=tmp_path)
    try:
        yield SimpleNamespace(handler=handler, cluster=cluster)
    finally:
        cluster.close()
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_a_review_is_asked_as_the_api_wants_it(server: Any) -> None:
    server.handler.answer = b'{"status": {"allowed": true}}'
    assert server.cluster.may(verb="get", group="", resource="pods/log", namespace="production")
    assert server.cluster.may(verb="list", group="", resource="nodes", namespace="")
    first, second = (body.decode() for body in server.handler.bodies)
    assert '"resource": "pods", "subresource": "log", "namespace": "production"' in first
    assert '"resourceAttributes": {"verb": "list", "resource": "nodes"}' in second


@pytest.mark.parametrize(
    "answer", [b'{"status": {"allowed": false}}', b'{"status": {"allowed": "yes"}}']
)
def test_only_a_clear_yes_is_a_permission(server: Any, answer: bytes) -> None:
    server.handler.answer = answer
    assert not server.cluster.may(verb="get", group="", resource="pods", namespace="production")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"status": {}}'])
def test_what_is_no_answer_is_told_as_such(server: Any, answer: bytes) -> None:
    server.handler.answer = answer
    with pytest.raises(ClusterError, match="no answer to the question"):
        server.cluster.may(verb="get", group="", resource="pods", namespace="production")


def test_a_server_that_lets_nobody_ask_is_told(server: Any) -> None:
    server.handler.code = 403
    with pytest.raises(ClusterError, match="403"):
        server.cluster.may(verb="get", group="", resource="pods", namespace="production")


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and never listening
        taken.bind(("127.0.0.1", 0))
        path = tmp_path / "kubeconfig"
        path.write_text(KUBECONFIG.format(port=taken.getsockname()[1]), encoding="utf-8")
        cluster = Cluster(path, scratch=tmp_path)
        with pytest.raises(ClusterError, match="no answer"):
            require_allowed(cluster, NEEDS, path=path)
        cluster.close()
