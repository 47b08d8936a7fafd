"""The kubelet with real processes: starting, probing, crashing, limiting, ending."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.cgroups import VARIABLE
from localcluster.journal import living, read
from localcluster.objects import ApiError
from localcluster.runtime.memory_groups import MemoryGroups, choose


def test_a_pod_runs_and_says_so(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("import time; print('hello', flush=True); time.sleep(60)")
        await node.until(lambda: node.status().get("ready"), "ready")
        status = node.pod()["status"]
        assert status["phase"] == "Running"
        assert status["podIP"].startswith("127.")
        assert {c["type"]: c["status"] for c in status["conditions"]} == dict.fromkeys(
            (
                "PodReadyToStartContainers",
                "Initialized",
                "Ready",
                "ContainersReady",
                "PodScheduled",
            ),
            "True",
        )
        assert node.events("Started") == ["Started container app"]
        await node.until_log("hello\n")

    home(test)


def test_a_crashing_container_backs_off_as_the_kubelet_does(home: Any) -> None:
    async def test(node: Any) -> None:
        seen: list[str] = []
        node.registry.subscribe(kinds.PODS, lambda event: seen.append(_state(event.object)))
        node.run("import os, sys; print('run', os.environ['N']); sys.exit(3)", container=_NUMBERED)
        await node.until(lambda: node.status()["restartCount"] >= 4, "four restarts")
        await node.until(lambda: "waiting" in node.status()["state"], "waiting")
        order = list(dict.fromkeys(seen))
        assert order == ["", "ContainerCreating", "running", "Error", "CrashLoopBackOff"]
        status = node.status()
        assert status["state"]["waiting"]["message"].startswith(
            "back-off 800ms restarting failed container=app pod=p_default("
        )
        assert status["lastState"]["terminated"]["exitCode"] == 3
        assert node.pod()["status"]["phase"] == "Running"
        assert len(node.events("BackOff")) == 1
        (started,) = [e for e in node.registry.list(kinds.EVENTS) if e["reason"] == "Started"]
        assert started["count"] == 5
        assert await node.log() == "run 7\n"
        assert await node.log(previous=True) == "run 7\n"

    home(test)


_NUMBERED = {"env": [{"name": "N", "value": "7"}]}


def _state(pod: Any) -> str:
    for status in pod.get("status", {}).get("containerStatuses") or ():
        for kind, inner in status["state"].items():
            return "running" if kind == "running" else str(inner["reason"])
    return ""


def test_a_finished_pod_succeeds_or_fails(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("pass", name="good", restartPolicy="Never")
        node.run("raise SystemExit(2)", name="bad", restartPolicy="Never")
        await node.until(lambda: node.pod("good")["status"]["phase"] == "Succeeded", "success")
        await node.until(lambda: node.pod("bad")["status"]["phase"] == "Failed", "failure")
        end = node.status("good")["state"]["terminated"]
        assert (end["exitCode"], end["reason"]) == (0, "Completed")

    home(test)


def test_sigterm_comes_first_and_sigkill_after_the_grace_period(home: Any) -> None:
    async def test(node: Any) -> None:
        polite = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
            "print('up', flush=True)\ntime.sleep(60)"
        )
        node.run(polite.replace("sys.exit(0)", "None"), terminationGracePeriodSeconds=20)
        await node.until(lambda: node.status().get("ready"), "ready")
        await node.until_log("up\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        node.registry.delete(kinds.PODS, "default", "p")
        gone = lambda: node.registry.find(kinds.PODS, "default", "p") is None  # noqa: E731
        await node.until(gone, "gone")
        assert loop.time() - began >= 20 / node.compress
        assert node.events("Killing") == ["Stopping container app"]

    home(test)


def test_a_second_deletion_with_less_grace_ends_it_sooner_also_during_its_hook(home: Any) -> None:
    async def test(node: Any) -> None:
        hook = {"preStop": {"exec": {"command": ["sleep", "3600"]}}}
        long = {"terminationGracePeriodSeconds": 36_000}
        node.run("import time; time.sleep(3600)", container={"lifecycle": hook}, **long)
        await node.until(lambda: node.status().get("ready"), "ready")
        node.registry.delete(kinds.PODS, "default", "p")
        await node.until(lambda: node.events("Killing"), "its end has begun")
        node.registry.delete(kinds.PODS, "default", "p", grace_period_s=1)
        gone = lambda: node.registry.find(kinds.PODS, "default", "p") is None  # noqa: E731
        await node.until(gone, "gone")
        await node.until(lambda: not living(read(node.folder / "journal")[1]), "no process is left")
        assert node.events("FailedPreStopHook") == ["PreStopHook failed"]

    home(test)


def test_deleting_by_force_ends_the_process_at_once(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)")
        await node.until(lambda: node.status().get("ready"), "ready")
        node.registry.delete(kinds.PODS, "default", "p", grace_period_s=0)
        await node.until(lambda: not living(read(node.folder / "journal")[1]), "no process is left")

    home(test)


def test_a_failing_liveness_probe_restarts_the_container(home: Any) -> None:
    async def test(node: Any) -> None:
        probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
        node.run("import time; time.sleep(60)", container={"livenessProbe": probe})
        await node.until(lambda: node.status()["restartCount"] >= 1, "a restart")
        assert node.events("Unhealthy") == ["Liveness probe failed: "]
        assert "Container app failed liveness probe, will be restarted" in node.events("Killing")
        last = node.status()["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (143, "Error")

    home(test)


def test_readiness_follows_its_probe_and_waits_for_the_startup_probe(home: Any) -> None:
    async def test(node: Any) -> None:
        check = {"exec": {"command": ["test", "-e", "../../tmp/ok"]}, "periodSeconds": 1}
        tcp = {"tcpSocket": {"port": 1}, "periodSeconds": 1, "failureThreshold": 100}
        node.run("import time; time.sleep(60)", container={"startupProbe": tcp})
        await node.until(lambda: node.events("Unhealthy"), "a failed startup probe")
        address = node.pod()["status"]["podIP"]
        assert node.events("Unhealthy") == [
            f"Startup probe failed: dial tcp {address}:1: connect: connection refused"
        ]
        assert not node.status()["started"]
        node.run("import time; time.sleep(60)", name="q", container={"readinessProbe": check})
        await node.until(lambda: node.status("q").get("started"), "started")
        assert not node.status("q")["ready"]
        (node.folder / "pods" / node.pod("q")["metadata"]["uid"] / "tmp" / "ok").touch()
        await node.until(lambda: node.status("q")["ready"], "ready")

    home(test)


def test_too_much_memory_is_a_kill_with_code_137(home: Any) -> None:
    async def test(node: Any) -> None:
        limits = {"resources": {"limits": {"memory": "40Mi"}}}
        greedy = "import time\na = []\nwhile True: a.append(bytearray(2 << 20)); time.sleep(0.02)"
        node.run(greedy, container=limits, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Failed", "killed")
        end = node.status()["state"]["terminated"]
        assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")
        assert "enforced by poller" in node.events("OOMKilling")[0]

    home(test)


def _groups(folder: Path) -> MemoryGroups:
    """Folders that look like control groups, and that no kernel stands behind."""

    def make(path: Path) -> None:
        path.mkdir(parents=True)
        for name in ("memory.limit_in_bytes", "memory.oom_control", "cgroup.procs"):
            (path / name).touch()

    make(folder / "handed")
    given = {VARIABLE: str(folder / "handed")}
    groups, _ = choose(given, "unit-test", lambda _path: None, make=make, remove=shutil.rmtree)
    assert groups is not None
    return groups


def test_a_control_group_that_does_not_take_the_process_leaves_it_to_the_poller(
    home: Any, tmp_path: Path
) -> None:
    async def test(node: Any) -> None:
        limits = {"resources": {"limits": {"memory": "40Mi"}}}
        greedy = "import time\na = []\nwhile True: a.append(bytearray(2 << 20)); time.sleep(0.02)"
        node.run(greedy, container=limits, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Failed", "killed")
        assert node.status()["state"]["terminated"]["reason"] == "OOMKilled"
        assert "enforced by poller" in node.events("OOMKilling")[0]

    home(test, _groups(tmp_path))
    assert not list(tmp_path.glob("handed/*/*.app.*"))


def test_a_kill_that_the_kernel_counted_is_told_as_its_own(home: Any, tmp_path: Path) -> None:
    groups = _groups(tmp_path)

    async def test(node: Any) -> None:
        limits = {"resources": {"limits": {"memory": "400Mi"}}}
        code = (
            "import glob, os\n"
            f"found, = glob.glob({str(groups.root)!r} + '/*.app.1')\n"
            "assert open(found + '/memory.limit_in_bytes').read() == str(400 << 20)\n"
            "assert open(found + '/cgroup.procs').read() == '0'\n"
            "open(found + '/memory.oom_control', 'w').write('under_oom 0\\noom_kill 1\\n')\n"
            "os.kill(os.getpid(), 9)\n"
        )
        node.run(code, container=limits, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Failed", "killed")
        end = node.status()["state"]["terminated"]
        assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")
        assert node.events("OOMKilling") == [
            "Container app reached its memory limit of 400Mi: killed (enforced by cgroup)"
        ]

    home(test, groups)
    assert not list(tmp_path.glob("handed/*/*.app.*"))


def test_a_control_group_that_cannot_be_made_does_not_keep_a_pod_from_starting(
    home: Any, tmp_path: Path
) -> None:
    groups = _groups(tmp_path)
    shutil.rmtree(tmp_path / "handed")

    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    groups._make = refuse

    async def test(node: Any) -> None:
        limits = {"resources": {"limits": {"memory": "400Mi"}}}
        node.run("print('here')", container=limits, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded", "run")

    home(test, groups)


def test_an_unknown_image_is_pulled_for_ever(home: Any) -> None:
    async def test(node: Any) -> None:
        seen: list[str] = []
        node.registry.subscribe(kinds.PODS, lambda event: seen.append(_state(event.object)))
        node.run("", container={"image": "no/such:1"})
        await node.until(lambda: "ImagePullBackOff" in seen, "back-off")
        order = [state for state in dict.fromkeys(seen) if state]
        assert order == ["ContainerCreating", "ErrImagePull", "ImagePullBackOff"]
        assert node.pod()["status"]["phase"] == "Pending"
        assert "Error: ErrImagePull" in node.events("Failed")
        with pytest.raises(ApiError, match=r"is waiting to start: (ErrImagePull|ImagePullBackOff)"):
            await node.log()

    home(test)


def test_a_missing_config_map_holds_the_container_until_it_is_there(home: Any) -> None:
    async def test(node: Any) -> None:
        source = {"envFrom": [{"configMapRef": {"name": "late"}}]}
        node.run(
            "import os, time; print(os.environ['X'], flush=True); time.sleep(60)", container=source
        )
        await node.until(lambda: _state(node.pod()) == "CreateContainerConfigError", "an error")
        assert node.events("Failed") == ['Error: configmap "late" not found']
        node.registry.create(
            kinds.CONFIG_MAPS, {"metadata": {"name": "late"}, "data": {"X": "here"}}
        )
        await node.until(lambda: node.status().get("ready"), "ready")

    home(test)


def test_a_missing_volume_is_tried_again(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run(
            "import time; time.sleep(60)",
            volumes=[{"name": "v", "configMap": {"name": "late"}}],
        )
        await node.until(lambda: node.events("FailedMount"), "an event")
        assert _state(node.pod()) == "ContainerCreating"
        node.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "late"}, "data": {}})
        await node.until(lambda: node.status().get("ready"), "ready")

    home(test)


def test_init_containers_run_first_and_again_when_they_fail(home: Any) -> None:
    async def test(node: Any) -> None:
        flag = "import os, sys; p = os.environ['HOME'] + '/again'\n"
        code = flag + "if os.path.exists(p): sys.exit(0)\nopen(p, 'w').close(); sys.exit(1)"
        init = {"name": "init", "image": "py", "args": [code]}
        node.run("import time; time.sleep(60)", initContainers=[init])
        await node.until(lambda: node.status().get("ready"), "ready")
        (status,) = node.pod()["status"]["initContainerStatuses"]
        assert status["restartCount"] == 1
        assert status["state"]["terminated"]["reason"] == "Completed"

    home(test)


def test_a_program_that_is_not_there_is_a_start_error(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("", container={"command": ["/no/such/command"]}, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Failed", "failed")
        end = node.status()["state"]["terminated"]
        assert (end["exitCode"], end["reason"]) == (128, "StartError")
        assert "/no/such/command" in end["message"]

    home(test)


def test_commands_run_inside_with_pipes_and_with_a_terminal(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("import time; time.sleep(60)")
        await node.until(lambda: node.status().get("ready"), "ready")
        code, out = await node.execute("sh", "-c", "echo out; echo err >&2; exit 5")
        assert (code, sorted(out)) == (5, [(1, b"out\n"), (2, b"err\n")])
        code, out = await node.execute("cat", text=b"x" * 300_000)
        assert (code, len(b"".join(data for _, data in out))) == (0, 300_000)
        code, out = await node.execute(
            sys.executable, "-c", "import sys; print(sys.stdin.isatty())", tty=True
        )
        assert (code, b"".join(data for _, data in out)) == (0, b"True\r\n")
        with pytest.raises(ApiError, match="executable file not found"):
            await node.execute("no-such-program")

    home(test)


def test_a_pod_that_has_ended_takes_no_commands(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("pass", restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded", "success")
        with pytest.raises(ApiError, match=r'container not found \("app"\)'):
            await node.execute("true")

    home(test)


def test_usage_is_measured_and_cpu_only_grows(home: Any) -> None:
    async def test(node: Any) -> None:
        limit = {"resources": {"limits": {"memory": "400Mi"}}}
        node.run("while True: pass", container=limit)
        await node.until(lambda: node.status().get("ready"), "ready")
        texts: list[float] = []
        for _ in range(3):
            await asyncio.sleep(1.1)
            line = next(
                line
                for line in node.kubelet.cadvisor_metrics().splitlines()
                if line.startswith("container_cpu_usage_seconds_total{")
            )
            texts.append(float(line.rpartition(" ")[2]))
        assert texts == sorted(texts)
        assert texts[-1] > texts[0]
        usage = node.kubelet.pod_metrics("default", "p")
        assert usage is not None
        assert usage["app"][0] > 0.1
        assert usage["app"][1] > 2**20

    home(test)
