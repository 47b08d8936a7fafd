"""How the files of this folder were made: from what a real cluster (1.20.2) answered.

    python tests/golden/kubelet/recordings.py RECORDED

RECORDED is a folder with `objects/`, `events/`, `crashloop/` and `rollout/`, as `record.py` of the
real cluster writes it. Times, uids, ids and namespaces are made alike; nothing else is changed.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_ID = re.compile(r"[a-z]+://[0-9a-f]{64}")
_NAMESPACE = re.compile(r"rec-[a-z]+")
_ADDRESS = re.compile(r"\b10\.244\.\d+\.\d+\b")

POD_STATES = (
    "running",
    "completed",
    "failed",
    "crashloopbackoff",
    "oomkilled",
    "oomkilled-restart-never",
    "oomkilled-crashloopbackoff",
    "notready",
    "noimage",
    "noconfig",
    "novolume",
    "badcommand",
    "initcrash",
    "initwait",
)
_SPEC = ("restartPolicy", "terminationGracePeriodSeconds")
_CONTAINER = ("command", "resources", "envFrom", "readinessProbe")


def alike(value: Any) -> Any:
    """Without what is different each time."""
    if isinstance(value, dict):
        return {key: alike(item) for key, item in value.items()}
    if isinstance(value, list):
        return [alike(item) for item in value]
    if not isinstance(value, str):
        return value
    for pattern, word in (
        (_TIME, "<time>"),
        (_UID, "<uid>"),
        (_ID, "<id>"),
        (_NAMESPACE, "<namespace>"),
        (_ADDRESS, "<ip>"),
    ):
        value = pattern.sub(word, value)
    return value


def container(status: dict[str, Any]) -> dict[str, Any]:
    """What of a container's status a client acts on."""
    return {key: alike(status[key]) for key in ("state", "lastState", "ready", "restartCount")}


def pod_state(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod's status, without the times."""
    status = pod["status"]
    return {
        "phase": status["phase"],
        "conditions": {
            each["type"]: [each["status"], each.get("reason", ""), each.get("message", "")]
            for each in status["conditions"]
        },
        **{
            key: [container(each) for each in status[key]]
            for key in ("initContainerStatuses", "containerStatuses")
            if key in status
        },
    }


def _given(pod: dict[str, Any]) -> dict[str, Any]:
    """The part of its spec that made it so."""

    def part(spec: dict[str, Any]) -> dict[str, Any]:
        return {"name": spec["name"], **{key: spec[key] for key in _CONTAINER if key in spec}}

    spec = pod["spec"]
    given = {key: spec[key] for key in _SPEC if key in spec}
    for key in ("containers", "initContainers"):
        if key in spec:
            given[key] = [part(each) for each in spec[key]]
    volumes = [each for each in spec.get("volumes") or () if "configMap" in each]
    if volumes:
        given["volumes"] = volumes
    return given


def events(found: list[dict[str, Any]]) -> dict[str, list[list[Any]]]:
    """For each pod: type, reason, message, and whether it was counted more than once."""
    told: dict[str, list[list[Any]]] = {}
    for event in found:
        about = event["involvedObject"]
        if about["kind"] == "Pod" and event["source"].get("component") == "kubelet":
            row = [event["type"], event["reason"], alike(event["message"]), event["count"] > 1]
            told.setdefault(about["name"], []).append(row)
    return told


def _states(recorded: Path) -> dict[str, Any]:
    told = events(json.loads((recorded / "events/states.json").read_text())["items"])
    made = {}
    for state in POD_STATES:
        pod = json.loads((recorded / f"objects/pod-{state}.json").read_text())
        made[state] = {
            "spec": _given(pod),
            "status": pod_state(pod),
            "events": told.get(pod["metadata"]["name"], []),
        }
    return made


def _crash_loop(recorded: Path) -> dict[str, Any]:
    timeline = json.loads((recorded / "crashloop/timeline.json").read_text())
    told = events(json.loads((recorded / "events/crashloop.json").read_text())["items"])
    made: dict[str, Any] = {}
    for pod, runs in timeline.items():
        waits = [run["seconds_since_previous_finish"] for run in runs[1:]]
        made[pod] = {"waits_s": waits, "states": [], "events": told[pod]}
    for row in json.loads((recorded / "crashloop/states.json").read_text()):
        made[row["pod"]]["states"].append({"phase": row["phase"], **container(row)})
    return made


def _rollout(recorded: Path) -> dict[str, Any]:
    rows = []
    for line in (recorded / "rollout/watch.deployments.jsonl").read_text().splitlines():
        event = json.loads(line)
        deployment = event["object"]
        status = deployment.get("status") or {}
        rows.append(
            {
                "t": event["t"],
                "type": event["type"],
                "generation": deployment["metadata"]["generation"],
                "wanted": deployment["spec"]["replicas"],
                **{key: value for key, value in status.items() if key != "conditions"},
                "conditions": {
                    each["type"]: [each["status"], each["reason"], alike(each["message"])]
                    for each in status.get("conditions") or ()
                },
            }
        )
    return {"marks": json.loads((recorded / "rollout/marks.json").read_text()), "rows": rows}


def main() -> None:
    recorded = Path(sys.argv[1])
    for name, made in (
        ("pod-states", _states(recorded)),
        ("crash-loop", _crash_loop(recorded)),
        ("rollout", _rollout(recorded)),
    ):
        rows = json.dumps(made, indent=1, sort_keys=True)
        (HERE / f"{name}.json").write_text(rows + "\n")


if __name__ == "__main__":
    main()
