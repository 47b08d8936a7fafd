"""The embedded cluster as its user has it: the command line and real kubectl."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e

IMAGES = """
- image: test/web
  command: ["{python}", "-m", "http.server", "--bind", "{pod_ip}", "{port}"]
- image: test/web
  tag: "bad"
  command: ["{python}", "-c", "import sys; print('boom', file=sys.stderr); sys.exit(1)"]
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: test/web:1.0
          ports: [{name: http, containerPort: 8080}]
          env: [{name: SELF, value: "http://web.default.svc.cluster.local:8080/"}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 8080, targetPort: http}]
"""

DATABASE = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgresql}
spec:
  serviceName: postgresql
  selector: {matchLabels: {app: postgresql}}
  template:
    metadata: {labels: {app: postgresql}}
    spec:
      containers:
        - name: postgresql
          image: postgres:18
          env: [{name: POSTGRES_PASSWORD, value: secret}, {name: POSTGRES_DB, value: shop}]
          readinessProbe: {tcpSocket: {port: 5432}, periodSeconds: 1}
"""


@dataclass
class Local:
    """One cluster in `state`."""

    state: Path
    images: Path

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localcluster", *arguments, "--state", str(self.state)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def up(self, *more: str) -> None:
        done = self.command("up", "--images", str(self.images), "--compress", "20", *more)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(self.state / "kubeconfig")

    @property
    def pid(self) -> int:
        return int(json.loads((self.state / "server.json").read_text())["pid"])

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        kubectl = Path(sys.executable).with_name("kubectl")
        done = subprocess.run(
            [str(kubectl), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.state / "kubeconfig")},
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def processes(self) -> list[str]:
        """Living processes that have anything to do with this cluster."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and (
                    str(self.state) in " ".join(process.cmdline())
                    or str(self.state) in process.environ().get("HOME", "")
                ):
                    found.append(f"{process.pid} {process.cmdline()}")
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Local]]:
    made: list[Local] = []
    images = tmp_path / "images.yaml"
    images.write_text(IMAGES)

    def build(name: str = "state") -> Local:
        local = Local(tmp_path / name, images)
        made.append(local)
        return local

    yield build
    for local in made:
        local.command("down")
        assert local.processes() == []
        assert not local.state.exists()


def _until(check: Callable[[], bool], what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)  # noqa: TID251 - waits for another process


def test_a_bad_release_crash_loops_and_is_rolled_back(make: Callable[..., Local]) -> None:
    local = make()
    local.up()
    local.kubectl("apply", "-f", "-", text=WEB)
    local.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    names = local.kubectl("get", "pods", "-l", "app=web", "-o", "name")
    local.kubectl("set", "image", "deployment/web", "web=test/web:bad")
    _until(lambda: "CrashLoopBackOff" in local.kubectl("get", "pods"), "CrashLoopBackOff")
    history = local.kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    local.kubectl("rollout", "undo", "deployment/web")
    local.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    _until(
        lambda: local.kubectl("get", "pods", "-l", "app=web", "-o", "name") == names,
        "the pods of before, and no other",
    )
    history = local.kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]
    local.kubectl("rollout", "restart", "deployment/web")
    local.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert local.kubectl("get", "pods", "-l", "app=web", "-o", "name") != names


def test_pods_reach_each_other_by_the_names_of_services(make: Callable[..., Local]) -> None:
    local = make()
    local.up()
    local.kubectl("apply", "-f", "-", text=WEB)
    local.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    fetch = "import os, urllib.request as u; print(u.urlopen(os.environ['SELF']).status)"
    answer = local.kubectl("exec", "deployment/web", "--", sys.executable, "-c", fetch)
    assert answer.strip() == "200"
    local.kubectl("scale", "deployment/web", "--replicas=0")
    address = local.kubectl("get", "svc", "web", "-o", "jsonpath={.spec.clusterIP}")

    def refused() -> bool:
        try:
            urllib.request.urlopen(f"http://{address}:8080/", timeout=2).close()
        except urllib.error.URLError as error:
            return isinstance(error.reason, ConnectionRefusedError)
        except OSError:
            return False
        return False

    _until(refused, "a refused connection")


def test_postgres_answers_the_runbooks_command_and_keeps_its_data(
    make: Callable[..., Local],
) -> None:
    local = make()
    local.up()
    local.kubectl("apply", "-f", "-", text=DATABASE)
    local.kubectl("rollout", "status", "statefulset/postgresql", "--timeout=40s")
    psql = ("exec", "-i", "postgresql-0", "--", "psql", "-U", "postgres", "-d", "shop", "-Atc")
    local.kubectl(*psql, "CREATE TABLE t AS SELECT 42 AS n")
    local.kubectl("delete", "pod", "postgresql-0")
    local.kubectl("wait", "--for=condition=Ready", "pod/postgresql-0", "--timeout=30s")
    assert local.kubectl(*psql, "SELECT n FROM t").strip() == "42"


def test_nothing_outlives_a_killed_server(make: Callable[..., Local]) -> None:
    local = make()
    local.up()
    local.kubectl("apply", "-f", "-", text=WEB + "---" + DATABASE)
    local.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    local.kubectl("rollout", "status", "statefulset/postgresql", "--timeout=40s")
    assert len(local.processes()) > 4
    os.kill(local.pid, signal.SIGKILL)
    local.up()
    assert len(local.processes()) == 1
    assert local.kubectl("get", "pods", "-o", "name") == ""
    os.kill(local.pid, signal.SIGKILL)
    assert local.command("down").returncode == 0
    assert local.processes() == []


def test_two_clusters_do_not_meet(make: Callable[..., Local]) -> None:
    one, two = make("one"), make("two")
    one.up()
    two.up()
    one.kubectl("create", "-f", "-", text=WEB)
    assert one.kubectl("get", "deployments", "-o", "name").split() == ["deployment.apps/web"]
    assert two.kubectl("get", "deployments", "-o", "name") == ""
    again = two.command("up")
    assert again.returncode == 2
    assert "already running" in again.stderr
    assert "fix:" in again.stderr


def test_the_lifeline_ends_the_cluster_with_its_parent(make: Callable[..., Local]) -> None:
    local = make()
    parent = (
        "import subprocess, sys, time\n"
        "server = subprocess.Popen([sys.executable, '-m', 'localcluster', 'serve', '--lifeline',\n"
        f"    '--state', {str(local.state)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "sys.stdout.buffer.write(server.stdout.readline()); sys.stdout.flush(); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line == f"ready {local.state / 'kubeconfig'}\n"
        mode = (local.state / "kubeconfig").stat().st_mode & 0o777
        assert mode == 0o600
        process.kill()
    _until(lambda: not (local.state / "server.json").exists(), "the server's end")


def _refused(local: Local, problem: str, *arguments: str) -> None:
    done = local.command("up", *arguments)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not local.state.exists()


def test_a_missing_images_file_ends_with_exit_code_2(make: Callable[..., Local]) -> None:
    _refused(make(), "No such file", "--images", "none.yaml")


def test_a_port_taken_everywhere_ends_with_exit_code_2(make: Callable[..., Local]) -> None:
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))
        everywhere.listen()
        port = str(everywhere.getsockname()[1])
        _refused(make(), f"port {port} is taken", "--port", port)
