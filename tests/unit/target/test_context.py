"""A context of the kubeconfig as target: only that one, and no copy of its credentials stays."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import FakeClock

from rundrill.base.clock import MonotonicClock
from rundrill.errors import TargetError
from rundrill.responder import find_kubectl
from rundrill.target.cluster import Cluster
from rundrill.target.context import ContextTarget
from rundrill.undo import UndoEntry
from rundrill.workplace import Workplace

NOBODY = "https://127.0.0.1:9"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster in which nothing is deployed."""
    state = tmp_path_factory.mktemp("context") / "cluster"
    command = [sys.executable, "-m", "localcluster"]
    subprocess.run([*command, "up", f"--state={state}"], check=True, capture_output=True)
    yield state / "kubeconfig"
    subprocess.run([*command, "down", f"--state={state}"], check=True, capture_output=True)


@pytest.fixture
def contexts(api: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's kubeconfig: a cluster that answers, and one, the current, that does not."""
    config: dict[str, Any] = yaml.safe_load(api.read_text(encoding="utf-8"))
    (config["contexts"][0]["name"],) = ("team/staging",)
    config["clusters"].append({"name": "gone", "cluster": {"server": NOBODY}})
    config["users"].append({"name": "gone", "user": {"token": "token-of-another-cluster"}})
    config["contexts"].append({"name": "gone", "context": {"cluster": "gone", "user": "gone"}})
    config["current-context"] = "gone"
    path = tmp_path / "users.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def target(name: str, folder: Path, *, namespaces: tuple[str, ...] = ("default",)) -> ContextTarget:
    return ContextTarget(
        name,
        home=folder / "home",
        scratch=folder,
        namespaces=namespaces,
        kubectl=find_kubectl(),
        clock=FakeClock(),
        say=lambda _: None,
    )


def test_it_holds_the_named_context_alone_for_its_user_alone(
    contexts: Path, tmp_path: Path
) -> None:
    staging = target("team/staging", tmp_path)
    assert staging.connect().version().startswith("v1.")
    kept = staging.kubeconfig.read_text(encoding="utf-8")
    assert "token-of-another-cluster" not in kept
    assert NOBODY not in kept
    assert staging.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert staging.kubeconfig.parent.stat().st_mode & 0o777 == 0o700
    # What is switched to meanwhile changes nothing.
    contexts.write_text("", encoding="utf-8")
    assert Cluster(staging.kubeconfig, scratch=tmp_path).version().startswith("v1.")
    assert staging.down() is None
    assert not staging.kubeconfig.parent.exists()


def test_a_context_that_is_none_and_one_that_does_not_answer_are_told(
    contexts: Path, tmp_path: Path
) -> None:
    with pytest.raises(TargetError, match=r"no usable context 'staging'.*\n  fix: `kubectl config"):
        target("staging", tmp_path).up(compression=1, keep=False)
    with pytest.raises(TargetError, match=r"127.0.0.1:9: context:gone does not answer"):
        target("gone", tmp_path).up(compression=1, keep=False)
    contexts.write_text("{", encoding="utf-8")
    with pytest.raises(TargetError, match="no usable context 'gone'"):
        target("gone", tmp_path).up(compression=1, keep=False)


def test_where_nothing_is_deployed_no_drill_begins(contexts: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"not ready after 60 s: nothing is deployed\n  fix: "):
        target("team/staging", tmp_path).up(compression=1, keep=False)


def test_the_credentials_of_a_killed_run_stay_for_as_long_as_its_undo_needs_them(
    contexts: Path, tmp_path: Path
) -> None:
    place = Workplace(tmp_path / "home")
    place.scratch.mkdir(parents=True)
    staging = target("team/staging", tmp_path)
    staging.connect()
    entry = UndoEntry(
        run_id="run-1",
        fault="unknown-here",
        parameters={},
        original={},
        kubeconfig=str(staging.kubeconfig),
        namespaces=["default"],
        snapshot={},
    )
    place.journal.write(entry)
    local = place.local(
        _service(tmp_path), kubectl=find_kubectl(), clock=MonotonicClock(), say=lambda _: None
    )
    with pytest.raises(TargetError, match="left a fault that is not known here"):
        place.recover(local, clock=MonotonicClock(), say=lambda _: None)
    assert staging.kubeconfig.exists()
    place.journal.remove(entry)
    place.recover(local, clock=MonotonicClock(), say=lambda _: None)
    assert not staging.kubeconfig.parent.exists()


def _service(folder: Path) -> Any:
    return type("Service", (), {"manifests": folder, "images": folder})()
