"""The embedded cluster's life as a program of its own: killed, told to stop, several at once."""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e

LOCALCLUSTER = [sys.executable, "-m", "localcluster"]
KUBECTL = str(Path(sys.executable).with_name("kubectl"))
IMAGES = '- image: test/sleep\n  command: ["sleep", "3600"]\n'


def pods(name: str, replicas: int) -> str:
    """A Deployment whose pods leave children of their own and take a moment to end."""
    script = "trap 'sleep 0.1; exit 0' TERM; setsid sleep 3600 & while :; do sleep 0.2; done"
    container = {"name": "c", "image": "test/sleep", "command": ["sh", "-c", script]}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
                },
            },
        }
    )


class Cluster:
    """One cluster with files in `folder` alone, its temporary ones as well."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.state = folder / "state"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.images = folder / "images.yaml"
        self.images.write_text(IMAGES)
        self.env = {**os.environ, "TMPDIR": str(self.temporary), "LIFE_TEST": str(folder)}

    def start(
        self, *arguments: str, limit: tuple[int, int] | None = None
    ) -> "subprocess.Popen[str]":
        def lower() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)

        return subprocess.Popen(
            [*LOCALCLUSTER, *arguments, "--state", str(self.state)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lower,  # noqa: PLW1509 - this process has no other threads here
        )

    def run(self, *arguments: str, limit: tuple[int, int] | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, limit=limit)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def up(self, *more: str, limit: tuple[int, int] | None = None) -> None:
        arguments = ("up", "--images", str(self.images), "--compress", "10", *more)
        code, _, err = self.run(*arguments, limit=limit)
        assert code == 0, err

    def down(self) -> None:
        code, out, err = self.run("down")
        assert (code, out) == (0, ""), err
        assert all(line.startswith("ended a leftover process") for line in err.splitlines()), err

    @property
    def pid(self) -> int:
        return int(json.loads((self.state / "server.json").read_text())["pid"])

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            [KUBECTL, *arguments, "--cache-dir", str(self.folder / "cache")],
            env={**self.env, "KUBECONFIG": str(self.state / "kubeconfig")},
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def processes(self) -> list[str]:
        """The server, its pods and theirs: all have inherited the folder or live in it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                texts = [*process.environ().values(), *process.cmdline(), process.cwd()]
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and any(str(self.folder) in text for text in texts):
                    found.append(f"{process.pid} {process.cmdline()}")
        return found

    def is_clean(self) -> None:
        assert self.processes() == []
        assert not self.state.exists()
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Cluster]]:
    made: list[Cluster] = []

    def build(name: str) -> Cluster:
        made.append(Cluster(tmp_path / name))
        return made[-1]

    yield build
    for cluster in made:
        cluster.down()
        cluster.is_clean()


def test_a_cluster_whose_state_was_removed_ends_by_itself(make: Callable[[str], Cluster]) -> None:
    cluster = make("a")
    cluster.up()
    cluster.kubectl("apply", "-f", "-", text=pods("a", 2))
    cluster.kubectl("rollout", "status", "deployment/a")
    server = psutil.Process(cluster.pid)
    shutil.rmtree(cluster.state)
    server.wait(30)
    assert not cluster.state.exists()
    cluster.up()
    assert cluster.kubectl("get", "pods") == ""
    cluster.down()


def test_whatever_it_listens_on_is_loopback(make: Callable[[str], Cluster]) -> None:
    cluster = make("a")
    cluster.up()
    cluster.kubectl("apply", "-f", "-", text=pods("a", 2))
    cluster.kubectl("expose", "deployment", "a", "--port=80")
    cluster.kubectl("rollout", "status", "deployment/a")
    ours = [psutil.Process(cluster.pid), *psutil.Process(cluster.pid).children(recursive=True)]
    sockets = []
    for process in ours:
        with contextlib.suppress(psutil.NoSuchProcess):  # a pod's script has ended one of its own
            sockets += process.net_connections(kind="inet")
    listening = {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN or not s.raddr}
    assert listening
    assert all(ip.startswith("127.") for ip in listening), listening


def _until(check: Callable[[], bool], what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # noqa: TID251 - waits for another process


def test_three_clusters_side_by_side_and_one_is_killed(make: Callable[[str], Cluster]) -> None:
    clusters = [make("one"), make("two"), make("three")]
    ups = [
        cluster.start("up", "--images", str(cluster.images), "--compress", "10")
        for cluster in clusters
    ]
    for up in ups:
        _, err = up.communicate(timeout=60)
        assert up.returncode == 0, err
    for cluster in clusters:
        cluster.kubectl("apply", "-f", "-", text=pods("p", 3))
        cluster.kubectl("rollout", "status", "deployment/p", "--timeout=30s")
    addresses = {json.loads(cluster.run("status", "--json")[1])["url"] for cluster in clusters}
    assert len(addresses) == 3
    one, two, three = clusters
    kept = [each.kubectl("get", "pods", "-o", "wide", "--no-headers") for each in (one, three)]
    os.kill(two.pid, signal.SIGKILL)
    # Nobody has to come: the kernel ends the pods with the server.
    _until(lambda: len(two.processes()) <= 3, "the end of the killed server's pods")
    assert two.run("status")[0] == 1
    two.down()
    two.is_clean()
    for cluster, before in zip((one, three), kept, strict=True):
        assert cluster.run("status")[0] == 0
        after = cluster.kubectl("get", "pods", "-o", "wide", "--no-headers")
        assert [line.split()[:4] for line in after.splitlines()] == [
            line.split()[:4] for line in before.splitlines()
        ]
    two.up()


def test_nothing_is_left_wherever_a_kill_meets_the_cluster(make: Callable[[str], Cluster]) -> None:
    cluster = make("killed")
    draw = random.Random(20)
    for turn in range(8):
        cluster.up()
        stop = threading.Event()

        def churn(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                cluster.kubectl("apply", "-f", "-", text=pods("p", draw.randint(1, 8)), check=False)
                cluster.kubectl("delete", "pods", "--all", "--wait=false", check=False)

        thread = threading.Thread(target=churn)
        thread.start()
        time.sleep(draw.uniform(0.05, 1.5))  # noqa: TID251 - a random moment is the point
        os.kill(cluster.pid, signal.SIGKILL)
        stop.set()
        thread.join()
        if turn % 2:
            cluster.down()
            cluster.is_clean()


def test_down_ends_a_cluster_that_is_still_starting(make: Callable[[str], Cluster]) -> None:
    cluster = make("starting")
    for delay_s in (0.1, 0.2, 0.3, 0.4):
        up = cluster.start("up")
        _until((cluster.state / "lock.localcluster").exists, "the start")
        time.sleep(delay_s)  # noqa: TID251 - various moments of a start are the point
        cluster.down()
        _, err = up.communicate(timeout=30)
        assert up.returncode in (0, 2), err
        assert "Traceback" not in err
        cluster.is_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_in_the_foreground_ends_when_it_is_told_to(
    make: Callable[[str], Cluster], number: signal.Signals
) -> None:
    cluster = make("told")
    server = cluster.start("serve", "--images", str(cluster.images))
    assert server.stdout is not None
    assert server.stdout.readline().startswith("ready ")
    cluster.kubectl("apply", "-f", "-", text=pods("p", 2))
    cluster.kubectl("rollout", "status", "deployment/p", "--timeout=30s")
    server.send_signal(number)
    server.communicate(timeout=30)
    assert server.returncode == 0
    assert cluster.processes() == []


def test_ctrl_c_while_it_starts_leaves_nothing(make: Callable[[str], Cluster]) -> None:
    cluster = make("interrupted")
    up = cluster.start("up")
    _until((cluster.state / "server.json").exists, "the start of the server")
    up.send_signal(signal.SIGTERM)
    _, err = up.communicate(timeout=30)
    assert (up.returncode, err) == (130, "")
    cluster.is_clean()


def test_a_low_limit_of_open_files_is_told_and_harms_no_running_pod(
    make: Callable[[str], Cluster],
) -> None:
    cluster = make("files")
    cluster.up(limit=(256, 256))
    assert "only 256 files may be open" in (cluster.state / "server.log").read_text()
    assert "only 256 files" in cluster.run("status")[1]
    cluster.kubectl("apply", "-f", "-", text=pods("many", 100))

    def told() -> bool:
        return "Too many open files" in cluster.kubectl("get", "events")

    _until(told, "an Event that says why pods do not start")
    running = cluster.kubectl("get", "pods", "--no-headers").count(" Running ")
    assert running >= 40
    assert "Traceback" not in (cluster.state / "server.log").read_text()
    cluster.kubectl("scale", "deployment/many", "--replicas=5")
    _until(
        lambda: cluster.kubectl("get", "pods", "--no-headers").count("1/1") == 5,
        "five pods that run",
    )


def test_a_low_soft_limit_is_raised(make: Callable[[str], Cluster]) -> None:
    cluster = make("soft")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("this machine allows few open files")
    cluster.up(limit=(256, hard))
    cluster.kubectl("apply", "-f", "-", text=pods("many", 60))
    cluster.kubectl("rollout", "status", "deployment/many", "--timeout=60s")
