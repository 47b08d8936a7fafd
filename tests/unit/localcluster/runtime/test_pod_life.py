"""Hooks, deadlines, sidecars, last words and programs that cannot run: as a kubelet has them."""

import asyncio
import json
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import ApiError

SLEEP = "import time; time.sleep(60)"
POLITE = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "print('up', flush=True)\ntime.sleep(60)"
)


def _hook(kind: str, **handler: Any) -> dict[str, Any]:
    return {"lifecycle": {kind: handler}}


def _conditions(pod: Any) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in pod["status"]["conditions"]}


def test_a_container_is_not_running_before_its_post_start_hook_is_through(home: Any) -> None:
    async def test(node: Any) -> None:
        gate = node.folder / "gate"
        wait = f"until test -e {gate}; do sleep 0.05; done"
        node.run(SLEEP, container=_hook("postStart", exec={"command": ["sh", "-c", wait]}))
        await node.until(lambda: node.events("Started"), "started")
        await asyncio.sleep(0.2)
        assert node.state() == "ContainerCreating"
        gate.touch()
        await node.until(lambda: node.status().get("ready"), "ready")

    home(test)


def test_a_failing_post_start_hook_kills_the_container(home: Any) -> None:
    async def test(node: Any) -> None:
        command = ["sh", "-c", "echo no luck; exit 4"]
        node.run(SLEEP, container=_hook("postStart", exec={"command": command}))
        await node.until(lambda: node.state() == "PostStartHookError", "the error")
        waiting = node.status()["state"]["waiting"]
        uid = node.pod()["metadata"]["uid"]
        assert waiting["message"] == (
            'Exec lifecycle hook ([sh -c echo no luck; exit 4]) for Container "app" in Pod'
            f" \"p_default({uid})\" failed - error: command 'sh -c echo no luck; exit 4' exited"
            ' with 4: , message: "no luck\\n"'
        )
        assert node.events("FailedPostStartHook") == ["PostStartHook failed"]
        assert node.events("Killing") == ["FailedPostStartHook"]
        last = node.status()["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (143, "Error")
        await node.until(lambda: node.state() == "CrashLoopBackOff", "back-off")

    home(test)


def test_a_post_start_request_may_get_any_answer_but_must_get_one(home: Any) -> None:
    server = (
        "import http.server as h, os\n"
        "h.HTTPServer((os.environ['POD_IP'], 8080), h.BaseHTTPRequestHandler).serve_forever()"
    )

    async def test(node: Any) -> None:
        request = {"port": 8080, "path": "/warm"}
        # The first attempt may come before the server listens; then the container is restarted.
        delayed = f"import time\ntime.sleep(60)\n{server}"
        node.run(server, container=_hook("postStart", sleep={"seconds": 50}))
        await node.until(lambda: node.status().get("ready"), "ready")
        node.run(delayed, name="q", container=_hook("postStart", httpGet=request))
        await node.until(lambda: node.state("q") == "PostStartHookError", "refused")
        address = node.pod("q")["status"]["podIP"]
        assert (
            f'error: Get "http://{address}:8080/warm": dial tcp {address}:8080: connect:'
            " connection refused" in node.status("q")["state"]["waiting"]["message"]
        )

    home(test)


@pytest.mark.parametrize("good", [True, False])
def test_a_pre_stop_hook_comes_before_the_stop_signal(home: Any, good: bool) -> None:
    async def test(node: Any) -> None:
        script = f"date > {node.folder}/hooked; exit {0 if good else 3}"
        node.run(POLITE, container=_hook("preStop", exec={"command": ["sh", "-c", script]}))
        await node.until(lambda: node.status().get("ready"), "ready")
        await node.until_log("up\n")
        node.registry.delete(kinds.PODS, "default", "p")
        await node.until(lambda: node.registry.find(kinds.PODS, "default", "p") is None, "gone")
        assert (node.folder / "hooked").exists()
        assert node.events("FailedPreStopHook") == ([] if good else ["PreStopHook failed"])
        assert node.events("Killing") == ["Stopping container app"]

    home(test)


def test_a_pre_stop_hook_that_takes_all_the_time_still_leaves_two_seconds(home: Any) -> None:
    async def test(node: Any) -> None:
        slow = POLITE.replace("sys.exit(0)", "(time.sleep(0.005), sys.exit(0))")
        hook = _hook("preStop", exec={"command": ["sleep", "60"]})
        node.run(slow, container=hook, terminationGracePeriodSeconds=20)
        await node.until(lambda: node.status().get("ready"), "ready")
        await node.until_log("up\n")
        ends: list[Any] = []
        node.registry.subscribe(kinds.PODS, lambda event: ends.append(event.object))
        node.registry.delete(kinds.PODS, "default", "p")
        await node.until(lambda: node.registry.find(kinds.PODS, "default", "p") is None, "gone")
        assert node.events("FailedPreStopHook") == ["PreStopHook failed"]
        state = ends[-1]["status"]["containerStatuses"][0]["state"]
        assert state["terminated"]["exitCode"] in (0, 137)

    home(test)


def test_a_pre_stop_sleep_is_a_timer_of_the_kubelet(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run(POLITE, container=_hook("preStop", sleep={"seconds": 20}))
        await node.until(lambda: node.status().get("ready"), "ready")
        await node.until_log("up\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        node.registry.delete(kinds.PODS, "default", "p")
        await node.until(lambda: node.registry.find(kinds.PODS, "default", "p") is None, "gone")
        assert loop.time() - began >= 20 / node.compress

    home(test)


def test_a_pod_past_its_active_deadline_has_failed(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run(SLEEP, activeDeadlineSeconds=1)
        await node.until(lambda: node.pod().get("status", {}).get("phase") == "Failed", "failed")
        await node.until(lambda: node.state() == "Error", "ended")
        status = node.pod()["status"]
        assert status["reason"] == "DeadlineExceeded"
        assert status["message"] == (
            "Pod was active on the node longer than the specified deadline"
        )
        assert node.events("DeadlineExceeded") == [status["message"]]
        assert _conditions(node.pod())["Ready"] == ("False", "PodFailed")

    home(test)


def test_a_finished_pod_has_no_sandbox_any_more(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run("pass", restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded", "success")
        assert _conditions(node.pod()) == {
            "PodReadyToStartContainers": ("False", ""),
            "Initialized": ("True", "PodCompleted"),
            "Ready": ("False", "PodCompleted"),
            "ContainersReady": ("False", "PodCompleted"),
            "PodScheduled": ("True", ""),
        }

    home(test)


def test_sidecars_start_first_live_beside_and_end_last(home: Any) -> None:
    async def test(node: Any) -> None:
        log = node.folder / "order"
        side = (
            f"import signal, sys, time\nout = open({str(log)!r}, 'a', buffering=1)\n"
            "signal.signal(15, lambda *_: (out.write('side ends\\n'), sys.exit(0)))\n"
            "out.write('side\\n')\ntime.sleep(60)"
        )
        check = {"exec": {"command": ["grep", "side", str(log)]}, "periodSeconds": 1}
        sidecar = {
            "name": "side",
            "image": "py",
            "args": [side],
            "restartPolicy": "Always",
            "startupProbe": check,
        }
        main = f"out = open({str(log)!r}, 'a'); out.write('main\\n')"
        node.run(main, initContainers=[sidecar], restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded", "success")
        await node.until(
            lambda: "terminated" in node.pod()["status"]["initContainerStatuses"][0]["state"],
            "its end",
        )
        assert log.read_text().split("\n") == ["side", "main", "side ends", ""]
        assert node.pod()["status"]["phase"] == "Succeeded"

    home(test)


def test_a_sidecar_that_restarts_does_not_undo_the_pods_start(home: Any) -> None:
    async def test(node: Any) -> None:
        seen: list[str] = []
        sidecar = {
            "name": "side",
            "image": "py",
            "args": ["import time; time.sleep(0.3); raise SystemExit(1)"],
            "restartPolicy": "Always",
        }
        node.run(SLEEP, initContainers=[sidecar])
        await node.until(lambda: node.status().get("ready"), "ready")
        node.registry.subscribe(kinds.PODS, lambda event: seen.append(event.object["status"]))
        await node.until(
            lambda: node.pod()["status"]["initContainerStatuses"][0]["restartCount"] >= 2,
            "two restarts",
        )
        assert {status["phase"] for status in seen} == {"Running"}

    home(test)


def test_init_containers_that_fail_back_off_or_fail_the_pod(home: Any) -> None:
    async def test(node: Any) -> None:
        seen: list[tuple[str, str]] = []

        def look(event: Any) -> None:
            status = event.object.get("status", {})
            for each in status.get("initContainerStatuses") or ():
                inner = next(iter(each["state"].values()))
                seen.append((event.object["metadata"]["name"], inner.get("reason", "running")))

        node.registry.subscribe(kinds.PODS, look)
        init = {"name": "init", "image": "py", "args": ["raise SystemExit(1)"]}
        node.run(SLEEP, name="p", initContainers=[init])
        node.run(SLEEP, name="q", initContainers=[init], restartPolicy="Never")
        await node.until(lambda: ("p", "CrashLoopBackOff") in seen, "back-off")
        await node.until(lambda: node.pod("q")["status"]["phase"] == "Failed", "failed")
        mine = list(dict.fromkeys(reason for name, reason in seen if name == "p"))
        assert mine == ["PodInitializing", "running", "Error", "CrashLoopBackOff"]
        assert node.state("p") == "PodInitializing"
        assert node.pod("p")["status"]["phase"] == "Pending"
        assert _conditions(node.pod("p"))["Initialized"] == ("False", "ContainersNotInitialized")

    home(test)


@pytest.mark.parametrize(
    ("code", "policy", "expected"),
    [
        ("open('/dev/termination-log', 'w').write('out of cheese')", "File", "out of cheese"),
        ("print('last line'); raise SystemExit(1)", "FallbackToLogsOnError", "last line\n"),
        ("print('all is well')", "FallbackToLogsOnError", ""),
        ("print('not asked for'); raise SystemExit(1)", "File", ""),
        (
            "open('/dev/termination-log', 'w').write('x' * 5000 + 'end'); raise SystemExit(2)",
            "File",
            "x" * 4093 + "end",
        ),
    ],
)
def test_last_words_come_from_the_file_or_from_the_log(
    home: Any, code: str, policy: str, expected: str
) -> None:
    async def test(node: Any) -> None:
        node.run(code, container={"terminationMessagePolicy": policy}, restartPolicy="Never")
        await node.until(lambda: "terminated" in node.status()["state"], "its end")
        assert node.status()["state"]["terminated"].get("message", "") == expected

    home(test)


def test_a_program_that_cannot_run_is_told_as_containerd_tells_it(home: Any) -> None:
    async def test(node: Any) -> None:
        create = (
            "failed to create containerd task: failed to create shim task: OCI runtime create"
            " failed: runc create failed: unable to start container process: error during"
            " container init: "
        )
        missing = f'{create}exec: "no-such": executable file not found in $PATH: unknown'
        path = f'{create}exec: "/no/such": stat /no/such: no such file or directory: unknown'
        denied = f'{create}exec: "/etc/passwd": permission denied: unknown'
        for name, program, message in (
            ("p", "no-such", missing),
            ("q", "/no/such", path),
            ("r", "/etc/passwd", denied),
        ):
            node.run("", name=name, container={"command": [program]})
            await node.until(
                lambda name=name: "terminated" in node.status(name)["lastState"], "an end"
            )
            assert node.state(name) in ("RunContainerError", "CrashLoopBackOff")
            last = node.status(name)["lastState"]["terminated"]
            assert (last["exitCode"], last["reason"], last["message"]) == (
                128,
                "StartError",
                message,
            )
            assert last["startedAt"] == "1970-01-01T00:00:00Z"
            assert f"Error: {message}" in node.events("Failed")

    home(test)


def test_a_command_that_cannot_be_executed_is_told_as_containerd_tells_it(home: Any) -> None:
    async def test(node: Any) -> None:
        node.run(SLEEP)
        await node.until(lambda: node.status().get("ready"), "ready")
        with pytest.raises(ApiError) as caught:
            await node.execute("no-such-program", "-v")
        assert caught.value.code == 500
        head, _, tail = caught.value.message.partition('failed to start exec "')
        assert head == (
            "Internal error occurred: error executing command in container:"
            " failed to exec in container: "
        )
        assert tail[64:] == (
            '": OCI runtime exec failed: exec failed: unable to start container process: exec:'
            ' "no-such-program": executable file not found in $PATH: unknown'
        )

    home(test)


def test_the_working_directory_is_the_mounted_one_or_an_empty_one(home: Any) -> None:
    async def test(node: Any) -> None:
        node.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a.txt": "1"}})
        mount = {"volumeMounts": [{"name": "v", "mountPath": "/app"}], "workingDir": "/app"}
        volumes = [{"name": "v", "configMap": {"name": "c"}}]
        show = "import json, os, sys; print(json.dumps(os.listdir('.'))); sys.exit(0)"
        node.run(show, container=mount, volumes=volumes, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded", "success")
        assert json.loads(await node.log()) == ["a.txt"]
        node.registry.delete(kinds.PODS, "default", "p", grace_period_s=0)
        node.run(show, container={"workingDir": "/no-such-folder-here"}, restartPolicy="Never")
        await node.until(
            lambda: node.pod().get("status", {}).get("phase") == "Succeeded", "success"
        )
        assert json.loads(await node.log()) == []

    home(test)


def test_a_change_that_comes_after_a_pods_end_brings_no_folder_back(home: Any) -> None:
    async def test(node: Any) -> None:
        node.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"k": "1"}})
        node.run(SLEEP, volumes=[{"name": "v", "configMap": {"name": "c"}}])
        await node.until(lambda: node.status().get("ready"), "ready")
        (worker,) = node.kubelet.workers()
        node.registry.delete(kinds.PODS, "default", "p", grace_period_s=0)
        await node.until(lambda: not list((node.folder / "pods").glob("*")), "its folder is gone")
        worker.refresh_volumes("configmap", "c")
        worker.refresh_downward()

    home(test)


def test_volumes_follow_their_objects_and_the_pods_labels(home: Any) -> None:
    async def test(node: Any) -> None:
        node.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"k": "1"}})
        volumes = [
            {"name": "v", "configMap": {"name": "c"}},
            {
                "name": "me",
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {
                            "path": "limit",
                            "resourceFieldRef": {
                                "containerName": "app",
                                "resource": "limits.memory",
                                "divisor": "1Mi",
                            },
                        },
                    ]
                },
            },
        ]
        mounts = [
            {"name": "v", "mountPath": "/etc/c"},
            {"name": "v", "mountPath": "/etc/once", "subPath": "k"},
            {"name": "me", "mountPath": "/etc/me"},
        ]
        loop = (
            "import time\n"
            "def t(p): return open(p).read()\n"
            "while True:\n"
            "    print(t('/etc/c/k'), t('/etc/once'), t('/etc/me/labels'), t('/etc/me/limit'),"
            " flush=True)\n"
            "    time.sleep(0.05)"
        )
        limits = {"resources": {"limits": {"memory": "300Mi"}}}
        node.run(loop, container={"volumeMounts": mounts, **limits}, volumes=volumes)
        await node.until(lambda: node.status().get("ready"), "ready")

        def write(obj: Any) -> None:
            obj["data"]["k"] = "2"

        def label(obj: Any) -> None:
            obj["metadata"]["labels"] = {"tier": "gold"}

        node.registry.modify(kinds.CONFIG_MAPS, "default", "c", write)
        node.registry.modify(kinds.PODS, "default", "p", label)
        async with asyncio.timeout(8):
            while '2 1 tier="gold" 300\n' not in await node.log():  # noqa: ASYNC110 - it is tested
                await asyncio.sleep(0.05)
        assert (await node.log()).startswith("1 1  300\n")

    home(test)
