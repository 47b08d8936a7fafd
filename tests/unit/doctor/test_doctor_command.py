"""`rundrill doctor` against an API server that answers, one that refuses, and none."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rundrill import doctor_command
from rundrill.cli import main
from rundrill.doctor import Check, as_text

TOP = Path(__file__).parents[3]
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: very-secret-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
PODS = "/api/v1/namespaces/production/pods"
NODE = {
    "metadata": {"name": "n1"},
    "status": {"nodeInfo": {"kubeletVersion": "v1.37.0"}, "images": []},
}
CONTAINERS = [{"name": "payment-service", "image": "rundrill/payments:1.0.0"}]
POD = {
    "metadata": {"name": "p-1", "namespace": "production", "uid": "1"},
    "spec": {"nodeName": "n1", "containers": CONTAINERS},
    "status": {
        "containerStatuses": [
            {"name": "payment-service", "restartCount": 0, "started": True,
             "state": {"running": {}}}
        ]
    },
}  # fmt: skip


class Api:
    """What it answers, by path; what it was asked."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.asked: list[str] = []
        self.port = 0
        self.answers: dict[str, Any] = {
            "/version": {"gitVersion": "v1.37.0"},
            "/api/v1/nodes": {"items": [NODE]},
            "/apis/metrics.k8s.io/v1beta1/nodes": {"items": [NODE]},
            "/api/v1/nodes/n1/proxy/metrics/cadvisor": "container_memory_working_set_bytes 1\n",
            PODS: {"items": [POD]},
            f"{PODS}/p-1:9090/proxy/metrics": "payments_http_requests_total 3\n",
            "/apis/apps/v1/namespaces/production/deployments": {"items": []},
            "/api/v1/namespaces/gateways/pods": {"items": []},
            "/apis/apps/v1/namespaces/gateways/deployments": {"items": []},
            "/api/v1/namespaces": {"items": []},
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases": {"items": []},
            "/api/v1/namespaces/production/services/payment-service": {
                "spec": {"clusterIP": "127.0.0.1"}
            },
        }


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, code: int, body: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            made.asked.append(f"GET {path}")
            answer = made.answers.get(path)
            if isinstance(answer, int):
                self._answer(answer, json.dumps({"message": "refused"}))
            elif answer is None:
                self._answer(404, json.dumps({"message": "not found"}))
            else:
                self._answer(200, answer if isinstance(answer, str) else json.dumps(answer))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append(f"POST {self.path}")
            what = body["spec"]["resourceAttributes"]
            allowed = f"{what['verb']} {what['resource']}" not in made.denied
            self._answer(201, json.dumps({"status": {"allowed": allowed}}))

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("experiments", "runbooks", "deploy", "load"):
        shutil.copytree(TOP / name, tmp_path / name)
    service = tmp_path / "runbooks/payment-service/service.yaml"
    text = service.read_text().replace("  port: 8080\n", f"  port: {api.port}\n", 1)
    service.write_text(text)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG.format(port=api.port))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rundrill.doctor.clocks.EVERY_S", 0.0)
    monkeypatch.setenv("RUNDRILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path


def told(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[tuple[str, str], Any]]:
    code = main(["doctor", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    return code, {(one["group"], one["name"]): SimpleNamespace(**one) for one in found["checks"]}


FILE = ("--kubeconfig", "kubeconfig")


def test_a_cluster_that_answers_is_told_of_check_by_check(
    project: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = told(capsys, *FILE)
    assert code == 0, [one for one in checks.values() if one.state == "failed"]
    assert checks["versions", "Kubernetes"].seen == "v1.37.0"
    assert checks["metrics", "page of payment-service"].state == "ok"
    assert checks["metrics", "kube-state-metrics"].state == "warning"
    assert checks["images", "rundrill/payments:1.0.0"].state == "ok"
    assert checks["clocks", "API server"].state == "ok"
    assert checks["clocks", "node n1"].state == "not known"
    assert checks["load", "address"].state == "ok"
    assert checks["enforced here", "memory limit"].seen == "not tried"
    assert checks["permissions", "of the drills"].state == "not known"
    assert not [one for one in api.asked if not one.startswith("GET")]
    assert not (project / "home").exists()


def test_experiments_bring_their_permissions_rules_and_releases(
    project: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.denied = {"patch deployments"}
    code, checks = told(capsys, *FILE, "experiments/crash-loop.yaml")
    assert code == 1
    assert checks["permissions", "of the drills"].state == "failed"
    assert checks["images", "rundrill/payments:1.1.0"].state == "not known"
    # Of the alerts' metrics this API tells but a few, and it tells all that it has.
    assert checks["metrics", "payments_cache_requests_total"].state == "failed"
    assert ("metrics", "payments_http_requests_total") not in checks
    assert ("metrics", "kube_pod_container_status_restarts_total") not in checks


@pytest.mark.parametrize(
    ("path", "answer", "check", "state"),
    [
        ("/api/v1/nodes", 403, ("versions", "kubelets"), "not known"),
        ("/api/v1/nodes", 403, ("metrics", "cAdvisor"), "failed"),
        ("/api/v1/nodes", "<html>", ("versions", "kubelets"), "not known"),
        ("/api/v1/nodes", {"items": [{}]}, ("versions", "kubelets"), "not known"),
        ("/api/v1/nodes/n1/proxy/metrics/cadvisor", 502, ("metrics", "cAdvisor of n1"), "failed"),
        (f"{PODS}/p-1:9090/proxy/metrics", 502, ("metrics", "page of payment-service"), "failed"),
        (f"{PODS}/p-1:9090/proxy/metrics", "no text\n", ("metrics", "page of payment-service"),
         "failed"),
        (PODS, {"items": []}, ("metrics", "page of payment-service"), "failed"),
        (PODS, 403, ("images", "of the service"), "not known"),
        ("/apis/metrics.k8s.io/v1beta1/nodes", None, ("metrics", "metrics.k8s.io"), "warning"),
        ("/apis/metrics.k8s.io/v1beta1/nodes", 403, ("metrics", "metrics.k8s.io"), "not known"),
        ("/api/v1/namespaces/production/services/payment-service", None, ("load", "address"),
         "failed"),
        ("/api/v1/namespaces/production/services/payment-service", 403, ("load", "address"),
         "not known"),
        ("/api/v1/namespaces", 403, ("enforced here", "probe namespace"), "not known"),
        ("/api/v1/nodes", "<html>", ("metrics", "cAdvisor"), "failed"),
        (PODS, {"items": [{"metadata": {}}]}, ("metrics", "objects of the cluster"), "failed"),
        ("/api/v1/namespaces/production/services/payment-service", {}, ("load", "address"),
         "not known"),
        ("/version", "<html>", ("versions", "API server"), "failed"),
        ("/version", {"gitVersion": 7}, ("versions", "Kubernetes"), "not known"),
    ],
)  # fmt: skip
def test_what_is_refused_or_makes_no_sense_is_never_ok(
    project: Path,
    api: Api,
    capsys: pytest.CaptureFixture[str],
    path: str,
    answer: Any,
    check: tuple[str, str],
    state: str,
) -> None:
    api.answers[path] = answer
    code, checks = told(capsys, *FILE)
    assert checks[check].state == state, checks[check]
    assert checks[check].fix
    assert code == (1 if any(one.state == "failed" for one in checks.values()) else 0)


def test_a_cluster_that_is_not_there_fails_and_all_of_it_is_not_known(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        (project / "kubeconfig").write_text(KUBECONFIG.format(port=port))
        code, checks = told(capsys, *FILE, "experiments/crash-loop.yaml")
    assert code == 1
    assert checks["versions", "API server"].state == "failed"
    for group in ("permissions", "metrics", "clocks", "images", "load", "enforced here"):
        assert checks[group, "all of it"].state == "not known"


def test_without_an_embedded_cluster_it_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = told(capsys)
    assert code == 0
    assert checks["versions", "API server"].state == "not known"
    assert "rundrill up" in checks["versions", "API server"].fix
    assert not (project / "home").exists()


def test_a_context_of_the_kubeconfig_and_one_that_is_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = told(capsys, "--target", "context:x")
    assert code == 0
    assert checks["metrics", "page of payment-service"].state == "ok"
    assert not (project / "home").exists(), "no copy of the credentials stays"
    code, checks = told(capsys, "--target", "context:nothing")
    assert code == 1
    assert "nothing" in checks["versions", "API server"].seen


def test_probe_pods_are_made_only_where_drills_may_run_and_are_meant(
    project: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--target", "context:x", "--probe"]) == 2
    assert "not one that drills of this service may run on" in capsys.readouterr().err
    with (project / "runbooks/payment-service/service.yaml").open("a") as file:
        file.write(f"\ncontexts: [{{name: x, load-url: 'http://localhost:{api.port}'}}]\n")
    kubeconfig = project / "kubeconfig"
    text = kubeconfig.read_text(encoding="utf-8")
    kubeconfig.write_text(
        text.replace("name: c,", "name: prod,").replace("cluster: c,", "cluster: prod,")
    )
    api.asked.clear()
    code, checks = told(capsys, "--target", "context:x", "--probe")
    assert code == 1
    assert "looks like production" in checks["versions", "API server"].seen
    assert api.asked == []
    code, checks = told(capsys, "--target", "context:x")  # which changes nothing
    assert f"localhost:{api.port}" in checks["load", "address"].seen


def test_what_it_writes_holds_no_credentials(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", *FILE, "experiments/crash-loop.yaml"])
    assert "very-secret-token" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kubeconfig", "nothing"], "not a usable kubeconfig"),
        (["--kubeconfig", "kubeconfig", "--target", "kind"], "name two clusters"),
        (["experiments/nothing.yaml"], "there is no such experiment file"),
        (["--service", "nothing.yaml"], "nothing.yaml"),
        (["--detector", "crystal-ball"], "there is no detector 'crystal-ball'"),
    ],
)
def test_bad_input_is_one_message(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["doctor", *arguments]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert words in written.err
    assert "fix: " in written.err


def test_a_prometheus_that_does_not_answer_fails(
    project: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = told(capsys, *FILE, "--detector", f"prometheus:http://127.0.0.1:{api.port}")
    assert code == 1
    assert checks["Prometheus", "server"].state == "failed"
    assert checks["Prometheus", "rules"].state == "not known"


def test_a_prometheus_that_is_not_installed_is_a_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    code, checks = told(capsys, *FILE, "--detector", "prometheus")
    assert code == 1
    assert checks["this machine", "prometheus"].state == "failed"


def test_kind_without_docker_is_a_line_for_each(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    code, checks = told(capsys, "--target", "kind")
    assert code == 1
    assert checks["versions", "Docker"].state == checks["versions", "kind"].state == "failed"


def test_a_long_text_stays_in_a_hundred_columns() -> None:
    words = "word " * 60
    check = Check(group="g", name="a name that is longer than its column", state="failed",
                  seen=words, fix=words)  # fmt: skip
    lines = as_text([check]).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "0 ok, 0 warnings, 1 failed, 0 not known"
    assert sum("word" in line for line in lines) > 8


def test_every_group_is_in_the_documentation() -> None:
    text = (TOP / "docs/doctor.md").read_text()
    groups = (doctor_command.access, doctor_command.clocks, doctor_command.detector,
              doctor_command.enforcement, doctor_command.images, doctor_command.machine,
              doctor_command.metrics, doctor_command.reach, doctor_command.versions)  # fmt: skip
    for module in groups:
        assert f"## {module.GROUP}\n" in text
