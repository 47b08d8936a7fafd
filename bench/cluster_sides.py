"""The two clusters that are compared: how each is started, looked at and ended."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from bench.cluster_client import ApiFailure, Connection, Credentials

ROOT: Final = Path(__file__).resolve().parents[1]
REALKUBE: Final = Path(os.environ.get("REALKUBE", ROOT.parent / "shared" / "realkube"))
# The one image that the real cluster always has; on the embedded one the catalogue names it.
IMAGE: Final = "realkube/busybox:local"
_CATALOGUE: Final = '- image: realkube/busybox\n  tag: local\n  command: ["sleep", "86400"]\n'
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(kw_only=True)
class Side:
    """A running cluster. `pids` are its own processes, never those of its pods.

    `start_s` are seconds from the command to an API that answers, empty when not measured.
    """

    name: str
    kubeconfig: Path
    pids: Sequence[int]
    start_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.credentials = Credentials(self.kubeconfig)

    def connect(self) -> Connection:
        return Connection(self.credentials)

    def memory_mb(self) -> tuple[float, float]:
        """RSS and PSS of all its processes, in 10^6 bytes."""
        rss = pss = 0
        for pid in self.pids:
            info = psutil.Process(pid).memory_full_info()
            rss, pss = rss + info.rss, pss + getattr(info, "pss", info.rss)
        return rss / 1e6, pss / 1e6

    def cpu_s(self) -> float:
        """Processor seconds so far, with those of children that have ended (probes)."""
        total = 0
        for pid in self.pids:
            stat = Path(f"/proc/{pid}/stat").read_text()
            fields = stat[stat.rindex(")") + 2 :].split()
            total += sum(int(ticks) for ticks in fields[11:15])
        return total / _TICKS


class Embedded:
    """localcluster in a folder of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bench-cluster-"))
        self.state = self._folder / "state"
        self._images = self._folder / "images.yaml"
        self._images.write_text(_CATALOGUE)

    def up(self) -> Side:
        """Seconds from the command to the first answer of the API, the kubeconfig read."""
        began = time.perf_counter()
        done = self._run("up", "--images", str(self._images))
        kubeconfig = Path(done.stdout.strip())
        side = Side(name="localcluster", kubeconfig=kubeconfig, pids=[self.pid])
        connection = side.connect()
        connection.request("GET", "/api/v1/namespaces/default/pods")
        side.start_s.append(time.perf_counter() - began)
        connection.close()
        return side

    @property
    def pid(self) -> int:
        return int(json.loads((self.state / "server.json").read_text())["pid"])

    def down(self) -> float:
        began = time.perf_counter()
        self._run("down")
        return time.perf_counter() - began

    def kill(self) -> None:
        """SIGKILL, and wait until the server is gone; its pods follow by themselves."""
        server = psutil.Process(self.pid)
        server.kill()
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.wait_procs([server], timeout=10)

    def left(self) -> list[str]:
        """Whatever is still there of it: processes, and files in its folder."""
        files = [str(path) for path in self._folder.rglob("*") if path != self._images]
        return [*self.processes(), *files]

    def processes(self) -> list[str]:
        """Living ones that name its folder in their command, environment or current folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                about = [*process.cmdline(), process.cwd(), *process.environ().values()]
                ended = process.status() == psutil.STATUS_ZOMBIE
                if not ended and any(str(self.state) in text for text in about):
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
        return found

    def close(self) -> None:
        self._run("down")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "localcluster", command, "--state", str(self.state), *more]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"localcluster {command} failed: {done.stderr}")
        return done


@contextlib.contextmanager
def real() -> Iterator[Side | str]:
    """The real cluster: as it is when it is up, else started for as long as the block; or why
    there is none."""
    home = _home()
    if not (REALKUBE / "up.sh").exists():
        yield f"no real cluster in {REALKUBE}: set REALKUBE"
        return
    if _answers(home / "kubeconfig"):
        yield _real_side(home)
        return
    if os.geteuid() != 0 or not (home / "bin" / "kube-apiserver").exists():
        yield f"the real cluster is not up: {REALKUBE}/up.sh builds it once, as root on Debian"
        return
    began = time.perf_counter()
    try:
        subprocess.run([REALKUBE / "up.sh"], stdout=subprocess.DEVNULL, check=True)
        yield _real_side(home, start_s=[time.perf_counter() - began])
    finally:
        subprocess.run([REALKUBE / "down.sh"], stdout=subprocess.DEVNULL, check=True)


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("REALKUBE_HOME") or Path(cache) / "realkube")


def _answers(kubeconfig: Path) -> bool:
    if not kubeconfig.exists():
        return False
    try:
        Connection(Credentials(kubeconfig)).request("GET", "/readyz")
    except (OSError, ApiFailure):
        return False
    return True


def _real_side(home: Path, start_s: Sequence[float] = ()) -> Side:
    pids = []
    for file in sorted((home / "run").glob("*.pid")):
        pid = int(file.read_text().split()[0])
        if psutil.pid_exists(pid):
            pids.append(pid)
            children = psutil.Process(pid).children()
            pids += [child.pid for child in children if child.name() == "containerd"]
    kubeconfig = home / "kubeconfig"
    return Side(name="real cluster", kubeconfig=kubeconfig, pids=pids, start_s=list(start_s))
