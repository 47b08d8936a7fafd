import json
import os
import sys
from pathlib import Path

import pytest

from rundrill.errors import TargetError
from rundrill.responder import find_kubectl


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def saying(path: Path, version: object) -> Path:
    answer = json.dumps({"clientVersion": {"gitVersion": version}})
    return program(path, f'[ "$*" = "version --client --output=json" ] && echo \'{answer}\'')


@pytest.fixture
def lonely_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with no kubectl beside it."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python3"))
    return tmp_path / "python"


def test_the_real_one_is_found() -> None:
    assert find_kubectl().name == "kubectl"


def test_the_named_one_comes_first(tmp_path: Path) -> None:
    named = saying(tmp_path / "mine", "v1.30.1")
    assert find_kubectl({"RUNDRILL_KUBECTL": str(named)}) == named


def test_the_one_beside_python_comes_before_the_path(lonely_python: Path, tmp_path: Path) -> None:
    on_path = saying(tmp_path / "bin" / "kubectl", "v1.30.0")
    env = {"PATH": str(on_path.parent)}
    assert find_kubectl(env) == on_path
    beside = saying(lonely_python / "kubectl", "v1.28.0-rc.1+build")
    assert find_kubectl(env) == beside


@pytest.mark.usefixtures("lonely_python")
def test_none_at_all_is_told_with_its_fix() -> None:
    with pytest.raises(TargetError) as caught:
        find_kubectl({})
    assert str(caught.value).startswith("there is no kubectl\n  fix: install kubectl 1.28 or newer")
    assert "$RUNDRILL_KUBECTL" in str(caught.value)


@pytest.mark.parametrize("version", ["v1.27.9", "0.40"])
def test_an_old_one_is_refused(tmp_path: Path, version: str) -> None:
    named = saying(tmp_path / "kubectl", version)
    with pytest.raises(TargetError) as caught:
        find_kubectl({"RUNDRILL_KUBECTL": str(named)})
    assert str(caught.value).startswith(f"{named}: kubectl {version} is too old\n  fix: ")


@pytest.mark.parametrize(
    "body", ["exit 1", "echo hello", "echo '{}'", "echo '[]'", "echo '{\"clientVersion\": 1}'"]
)
def test_one_that_is_no_kubectl_is_refused(tmp_path: Path, body: str) -> None:
    named = program(tmp_path / "kubectl", body)
    with pytest.raises(TargetError, match="does not say its version"):
        find_kubectl({"RUNDRILL_KUBECTL": str(named)})


@pytest.mark.parametrize("version", ["latest", 1, None])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: object) -> None:
    named = saying(tmp_path / "kubectl", version)
    with pytest.raises(TargetError, match="does not say its version"):
        find_kubectl({"RUNDRILL_KUBECTL": str(named)})


def test_one_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot be run: No such file"):
        find_kubectl({"RUNDRILL_KUBECTL": str(tmp_path / "none")})
    plain = tmp_path / "plain"
    plain.touch(mode=0o644)
    with pytest.raises(TargetError, match="cannot be run: Permission denied"):
        find_kubectl({"RUNDRILL_KUBECTL": str(plain)})
    assert os.access(plain, os.R_OK)
