"""The doctor of the embedded cluster with the whole service on it, without load."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from drills import Drill, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def rundrill(drill: Drill, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "rundrill", *arguments],
        cwd=drill.folder,
        env=drill.env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def kubectl(drill: Drill, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("kubectl")), *arguments],
        env={**drill.env, "KUBECONFIG": str(drill.home / "cluster/kubeconfig")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(drill: Drill, *arguments: str) -> tuple[int, dict[tuple[str, str], Any]]:
    done = rundrill(drill, "doctor", "--json", *arguments)
    assert done.stderr == ""
    found = json.loads(done.stdout)["checks"]
    return done.returncode, {(one["group"], one["name"]): SimpleNamespace(**one) for one in found}


def test_it_tries_what_is_enforced_and_sees_what_is_broken(drill: Drill) -> None:
    up = rundrill(drill, "up", "--compress", "20")
    assert up.returncode == 0, up.stderr
    try:
        code, checks = told(drill, "--probe", "experiments/memory-leak.yaml")
        assert [one for one in checks.values() if one.state == "failed"] == []
        assert code == 0
        memory = checks["enforced here", "memory limit"]
        assert memory.state == "ok"
        assert "OOMKilled" in memory.seen
        assert "enforced by" in memory.seen
        assert checks["enforced here", "network policy, in"].state == "ok"
        assert checks["enforced here", "network policy, out"].state == "ok"
        assert checks["images", "rundrill/payments:1.2.0"].state == "ok"
        assert checks["permissions", "of the drills"].state == "ok"
        assert checks["load", "address"].state == "ok"
        assert "rundrill-doctor" not in kubectl(drill, "get", "namespaces")

        image = "payment-service=rundrill/nowhere:1"
        kubectl(drill, "set", "image", "-n", "production", "deployment/payment-service", image)
        wait_until(
            lambda: "Pull" in kubectl(drill, "get", "pods", "-n", "production"),
            "a pod that cannot be pulled",
            60,
        )
        code, checks = told(drill)
        assert code == 1
        assert "Pull" in checks["images", "rundrill/nowhere:1"].seen
        assert checks["images", "rundrill/payments:1.0.0"].state == "ok"
        assert checks["enforced here", "memory limit"].seen == "not tried"
    finally:
        assert rundrill(drill, "down").returncode == 0
