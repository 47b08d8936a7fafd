"""Policies, edge faults and memory limits with real pods, as the user of a cluster sees them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]

IMAGES = """
- image: test/web
  command: ["{python}", "-m", "http.server", "--bind", "{pod_ip}", "{port}"]
- image: test/idle
  command: ["{python}", "-c", "import time; time.sleep(3600)"]
- image: test/leak
  command:
    - "{python}"
    - "-c"
    - "import time\\na = []\\nwhile True:\\n  a.append(bytearray(1 << 20)); time.sleep(0.02)"
"""

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
    - name: web
      image: test/web
      ports: [{name: http, containerPort: 8080}]
      readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: caller, labels: {app: caller}}
spec:
  containers:
    - {name: c, image: test/idle, env: [{name: WEB, value: "web.default.svc.cluster.local"}]}
"""
# Port 80 is 8080 for those who are not root.
PODS = PODS.replace("{port: 80,", "{port: 8080,")

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: caller}}, policyTypes: [Egress]}
"""

LEAK = """
apiVersion: v1
kind: Pod
metadata: {name: leak}
spec:
  restartPolicy: Never
  containers: [{name: c, image: test/leak, resources: {limits: {memory: 48Mi}}}]
"""

ASK = """
import os, socket, time
began = time.monotonic()
try:
    with socket.create_connection((os.environ["WEB"], 8080), timeout=1.5) as sock:
        sock.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        answer = sock.recv(12).decode()
except OSError as error:
    answer = type(error).__name__
print(answer, "slow" if time.monotonic() - began > 0.8 else "quick")
"""


class Local:
    """One cluster in `state`."""

    def __init__(self, state: Path, images: Path) -> None:
        self.state = state
        self._images = images

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "localcluster", *arguments, "--state", str(self.state)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> None:
        self.command("up", "--images", str(self._images), "--compress", "20")

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("kubectl")), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.state / "kubeconfig")},
            input=text,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self) -> str:
        return self.kubectl("exec", "caller", "--", sys.executable, "-c", ASK).strip()

    def until_asked(self, wanted: str) -> None:
        deadline = time.monotonic() + 15
        while (heard := self.ask()) != wanted:
            assert time.monotonic() < deadline, heard


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    images = tmp_path / "images.yaml"
    images.write_text(IMAGES)
    made = Local(tmp_path / "state", images)
    made.up()
    yield made
    made.command("down")
    assert not made.state.exists()


def test_a_pod_meets_policies_and_faults_and_is_free_again(local: Local) -> None:
    local.kubectl("apply", "-f", "-", text=PODS)
    local.kubectl("wait", "--for=condition=Ready", "pod/web", "pod/caller", "--timeout=30s")
    local.until_asked("HTTP/1.0 200 quick")

    local.kubectl("apply", "-f", "-", text=DENY)
    local.until_asked("TimeoutError slow")
    local.kubectl("delete", "networkpolicy", "deny")
    local.until_asked("HTTP/1.0 200 quick")

    prefix = "localcluster.rundrill.dev/"
    for annotation, heard in (
        ("latency=500ms", "HTTP/1.0 200 slow"),
        ("black-hole=true", "TimeoutError slow"),
        ("reset=1", "ConnectionResetError quick"),
    ):
        local.kubectl("annotate", "service", "web", prefix + annotation)
        local.until_asked(heard)
        local.kubectl("annotate", "service", "web", prefix + annotation.partition("=")[0] + "-")
        local.until_asked("HTTP/1.0 200 quick")

    local.kubectl("annotate", "service", "web", prefix + "black-hole=true", prefix + "callers=x=y")
    local.until_asked("HTTP/1.0 200 quick")
    local.kubectl("annotate", "service", "web", prefix + "latency=soon")
    events = local.kubectl("get", "events", "--field-selector", "reason=WithoutEffect")
    assert "write a duration such as 200ms" in events

    local.kubectl("delete", "pod", "web", "--now")
    local.until_asked("ConnectionRefusedError quick")


def test_the_payment_service_becomes_ready_behind_its_own_policies(tmp_path: Path) -> None:
    local = Local(tmp_path / "state", ROOT / "deploy" / "images.yaml")
    local.up()
    try:
        local.kubectl("apply", "-k", str(ROOT / "deploy" / "overlays" / "local"))
        local.kubectl(
            "rollout", "status", "-n", "production", "deployment/payment-service", "--timeout=80s"
        )
        pods = ("exec", "-n", "production", "deployment/payment-service", "--", sys.executable)
        # What its own policies do not name is closed to it: here, the service itself from redis.
        redis = ("exec", "-n", "production", "deployment/redis", "--", sys.executable)
        reach = (
            "import os, socket\n"
            "for name in ('REDIS', 'AUTH_SERVICE', 'PAYMENT_SERVICE'):\n"
            "    port = int(os.environ[name + '_SERVICE_PORT'])\n"
            "    try:\n"
            "        host = os.environ[name + '_SERVICE_HOST']\n"
            "        socket.create_connection((host, port), 1).close()\n"
            "        print(name, 'open')\n"
            "    except OSError as error:\n"
            "        print(name, type(error).__name__)\n"
        )
        assert local.kubectl(*pods, "-c", reach).split("\n")[:2] == [
            "REDIS open",
            "AUTH_SERVICE open",
        ]
        assert "AUTH_SERVICE TimeoutError" in local.kubectl(*redis, "-c", reach)
    finally:
        local.command("down")


def _killed_for_memory(local: Local, means: str) -> None:
    assert json.loads(local.command("status", "--json"))["memory_limits"].startswith(means)
    local.kubectl("apply", "-f", "-", text=LEAK)
    local.kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/leak", "--timeout=30s")
    ended = json.loads(local.kubectl("get", "pod", "leak", "-o", "json"))
    end = ended["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")
    assert means in local.kubectl("get", "events", "--field-selector", "reason=OOMKilling")


def test_without_a_control_group_the_poller_holds_the_memory_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCALCLUSTER_CGROUP", raising=False)
    images = tmp_path / "images.yaml"
    images.write_text(IMAGES)
    local = Local(tmp_path / "state", images)
    local.up()
    try:
        _killed_for_memory(local, "enforced by poller")
    finally:
        local.command("down")


@pytest.mark.skipif(
    "LOCALCLUSTER_CGROUP" not in os.environ, reason="no control group was handed over"
)
def test_the_kernel_holds_the_memory_limit_and_no_group_is_left(local: Local) -> None:
    given = Path(os.environ["LOCALCLUSTER_CGROUP"])
    assert list(given.glob("localcluster-*"))
    _killed_for_memory(local, "enforced by cgroup")
    os.kill(int(json.loads(local.command("status", "--json"))["pid"]), 9)
    local.up()
    assert len(list(given.glob("localcluster-*"))) == 1
    local.command("down")
    assert not list(given.glob("localcluster-*"))
