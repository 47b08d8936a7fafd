"""The responder against the real kubectl, and against a stand-in where it must be slow."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.claims import Command
from rundrill.events import CommandFinished, CommandRefused, Event, StepSkipped, StepStarted
from rundrill.model import BlastRadius, PlannedStep, PodQuery
from rundrill.responder import AutoResponder, Kubectl, auto, find_kubectl
from rundrill.runbook.placeholders import names
from rundrill.target.cluster import ClusterError

CLOCK = MonotonicClock()
ANY_POD = PodQuery(namespace="production", selector="app=a", prefer="not-ready")
VERBS = ("get", "describe", "logs", "rollout undo", "rollout status", "version", "config")


def step(number: int, kind: Any, *texts: str) -> PlannedStep:
    return PlannedStep(
        procedure="fix",
        number=number,
        line=10 * number,
        text=f"step {number}",
        kind=kind,
        commands=tuple(
            Command(line=10 * number + at, text=text, placeholders=names(text))
            for at, text in enumerate(texts)
        ),
    )


class Bench:
    """A responder whose events are kept; `pod` is what a query finds."""

    def __init__(
        self, kubectl: Path, kubeconfig: Path, *, context: str | None = None, budget_s: float = 20.0
    ) -> None:
        self.events: list[Event] = []
        self.pod: str | None = "payment-1"
        self.queries: list[PodQuery] = []
        self.failure: ClusterError | None = None
        self.recovered = False
        self._responder = AutoResponder(
            kubectl=Kubectl(
                path=kubectl,
                kubeconfig=kubeconfig,
                cache=kubeconfig.parent / "cache",
                context=context,
            ),
            blast_radius=BlastRadius(namespaces=("production",), verbs=VERBS),
            placeholders={"<pod-name>": ANY_POD, "$NS": "production"},
            pods=self._find,
            command_budget_s=budget_s,
            clock=CLOCK,
            emit=self.events.append,
            now=lambda: 42.0,
        )

    def _find(self, query: PodQuery) -> str | None:
        self.queries.append(query)
        if self.failure is not None:
            raise self.failure
        return self.pod

    def follow(self, *steps: PlannedStep) -> list[Event]:
        self._responder.follow(steps, recovered=lambda: self.recovered)
        return self.events

    def finished(self) -> list[CommandFinished]:
        return [event for event in self.events if isinstance(event, CommandFinished)]


@pytest.fixture
def stand_in(tmp_path: Path) -> Bench:
    """A program that says how it was called."""
    path = tmp_path / "kubectl"
    path.write_text(
        '#!/bin/sh\necho "$KUBECONFIG: $*"\n'
        "case $1 in logs) exec sleep 1000;; get) exit 7;; esac\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return Bench(path, tmp_path / "kubeconfig")


def test_a_procedure_is_followed_in_order_and_literally(stand_in: Bench, tmp_path: Path) -> None:
    events = stand_in.follow(
        step(1, "diagnosis", "kubectl describe pod <pod-name> -n $NS"),
        step(2, "remedy", "kubectl rollout undo deployment/a -n production"),
        step(3, "verification", "kubectl rollout status deployment/a -n production"),
    )
    assert [type(event) for event in events] == [StepStarted, CommandFinished] * 3
    assert events[0] == StepStarted(
        at=42.0, procedure="fix", number=1, line=10, text="step 1", kind="diagnosis"
    )
    first = stand_in.finished()[0]
    assert first.text == "kubectl describe pod <pod-name> -n $NS"
    assert first.argv == (
        str(tmp_path / "kubectl"), "describe", "pod", "payment-1", "-n", "production",
    )  # fmt: skip
    assert first.bound == {"<pod-name>": "payment-1", "$NS": "production"}
    assert first.stdout == f"{tmp_path / 'kubeconfig'}: describe pod payment-1 -n production\n"
    assert (first.exit_code, first.stderr, first.endless) == (0, "", False)
    assert stand_in.queries == [ANY_POD]


def test_a_failed_command_does_not_stop_the_others(stand_in: Bench) -> None:
    stand_in.follow(step(1, "diagnosis", "kubectl get a -n production", "kubectl version"))
    assert [event.exit_code for event in stand_in.finished()] == [7, 0]


def test_once_recovered_remedies_are_skipped_and_the_rest_still_runs(stand_in: Bench) -> None:
    stand_in.recovered = True
    events = stand_in.follow(
        step(1, "diagnosis", "kubectl version"),
        step(2, "remedy", "kubectl rollout undo deployment/a -n production"),
        step(3, "verification", "kubectl rollout status deployment/a -n production"),
    )
    assert [type(event) for event in events] == [
        StepStarted, CommandFinished, StepSkipped, StepStarted, CommandFinished,
    ]  # fmt: skip
    assert events[2] == StepSkipped(
        at=42.0,
        procedure="fix",
        number=2,
        line=20,
        text="step 2",
        why="the service has already recovered",
        needless=True,
    )


@pytest.mark.parametrize(
    ("kind", "why"), [("manual", "no command is bound"), ("monitoring", "the drill itself watches")]
)
def test_steps_without_commands_are_skipped_with_the_reason(
    stand_in: Bench, kind: str, why: str
) -> None:
    (event,) = stand_in.follow(step(1, kind))
    assert isinstance(event, StepSkipped)
    assert why in event.why
    assert event.unbound is (kind == "manual")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubectl get pod <other> -n production", "nothing is bound to <other>"),
        ("kubectl get pod <pod-name> -n production", "no pod in production matches app=a"),
        ("kubectl get pods -n production | wc", "a pipe needs a shell"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_and_the_rest_goes_on(
    stand_in: Bench, text: str, why: str
) -> None:
    stand_in.pod = None
    events = stand_in.follow(step(1, "diagnosis", text), step(2, "diagnosis", "kubectl version"))
    refused = events[1]
    assert isinstance(refused, CommandRefused)
    assert (refused.line, refused.text) == (10, text)
    assert why in refused.why
    assert len(stand_in.finished()) == 1


def test_pods_that_cannot_be_listed_are_a_refusal(stand_in: Bench) -> None:
    stand_in.failure = ClusterError("the API server does not answer")
    events = stand_in.follow(step(1, "diagnosis", "kubectl logs <pod-name> -n production"))
    assert isinstance(events[1], CommandRefused)
    assert "the API server does not answer" in events[1].why


def test_a_command_outside_the_blast_radius_stops_the_procedure(stand_in: Bench) -> None:
    events = stand_in.follow(
        step(1, "remedy", "kubectl delete pods -n production", "kubectl version"),
        step(2, "verification", "kubectl version"),
    )
    assert [type(event) for event in events] == [StepStarted, CommandRefused, StepSkipped]
    assert isinstance(events[2], StepSkipped)
    assert events[2].why == "the responder stopped at line 10: outside the blast radius"


def test_a_command_that_never_ends_is_watched_for_a_while(
    stand_in: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "ENDLESS_S", 0.4)
    stand_in.follow(step(1, "diagnosis", "kubectl logs -f a -n production"))
    (event,) = stand_in.finished()
    assert (event.exit_code, event.endless) == (None, True)
    assert event.stdout.endswith(": logs -f a -n production\n")
    assert "[stopped after 0.4 s: it never ends by itself" in event.stderr


def test_a_command_that_takes_too_long_is_stopped(stand_in: Bench, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "kubectl", tmp_path / "kubeconfig", budget_s=0.4)
    bench.follow(step(1, "diagnosis", "kubectl logs a -n production"))
    (event,) = bench.finished()
    assert (event.exit_code, event.endless) == (None, False)
    assert event.stderr == "\n[stopped after 0.4 s: its limit]"


def test_a_kubectl_that_is_gone_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "none", tmp_path / "kubeconfig")
    bench.follow(step(1, "diagnosis", "kubectl version"))
    (event,) = bench.finished()
    assert event.exit_code == 126
    assert "No such file or directory" in event.stderr


def test_a_machine_that_can_start_nothing_is_told(
    stand_in: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    events = stand_in.follow(step(1, "diagnosis", "kubectl version"))
    assert isinstance(events[1], CommandRefused)
    assert events[1].why == "it could not be started: No such file or directory"


class Api(BaseHTTPRequestHandler):
    """Just enough of an API server for one `kubectl get pods`."""

    ANSWERS: ClassVar[dict[str, Any]] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [{"name": "pods", "namespaced": True, "kind": "Pod", "verbs": ["list"]}],
        },
        "/api/v1/namespaces/production/pods": {
            "kind": "PodList",
            "apiVersion": "v1",
            "items": [
                {
                    "kind": "Pod",
                    "apiVersion": "v1",
                    "metadata": {"name": "payment-1", "namespace": "production"},
                }
            ],
        },
    }

    def do_GET(self) -> None:
        answer = self.ANSWERS.get(self.path.partition("?")[0])
        body = json.dumps(answer or {"kind": "Status", "status": "Failure", "code": 404}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        pass


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        path = tmp_path / "kubeconfig"
        address = f"http://127.0.0.1:{server.server_address[1]}"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {"name": "real", "cluster": {"server": address}},
                        {"name": "wrong", "cluster": {"server": "http://127.0.0.1:1"}},
                    ],
                    "contexts": [
                        {"name": "real", "context": {"cluster": "real"}},
                        {"name": "wrong", "context": {"cluster": "wrong"}},
                    ],
                    "current-context": "wrong",
                }
            ),
            encoding="utf-8",
        )
        try:
            yield path
        finally:
            server.shutdown()
            thread.join()


def test_the_real_kubectl_acts_on_the_drills_cluster_and_context(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somebody/elses")
    monkeypatch.setenv("HOME", str(tmp_path))  # where kubectl keeps what it discovered
    bench = Bench(find_kubectl(), kubeconfig, context="real")
    bench.follow(
        step(1, "diagnosis", "kubectl get pods -n production -o name", "kubectl config view")
    )
    pods, config = bench.finished()
    assert (pods.exit_code, pods.stdout) == (0, "pod/payment-1\n"), pods.stderr
    assert "current-context: wrong" in config.stdout
    assert pods.argv[1] == "--context=real"


def test_the_real_kubectl_tells_why_it_failed(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    bench = Bench(find_kubectl(), kubeconfig)
    bench.follow(step(1, "diagnosis", "kubectl get pods -n production"))
    (event,) = bench.finished()
    assert event.exit_code == 1
    assert "127.0.0.1:1 was refused" in event.stderr
