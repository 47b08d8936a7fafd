"""`rundrill plan`, and what it says of a procedure that would leave its blast radius."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rundrill import experiment
from rundrill.cli import main

TOP = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped files, to be changed; whatever is started here is a mistake."""
    for name in ("experiments", "runbooks", "deploy", "load"):
        shutil.copytree(TOP / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rundrill.run_command.Workplace", _never)
    monkeypatch.setattr("rundrill.run_command.find_kubectl", _never)
    return tmp_path


def _never(*_: object, **__: object) -> Any:
    raise AssertionError("nothing may be started")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def runbook(project: Path) -> Path:
    return project / "runbooks" / "payment-service" / "runbook.md"


UNDO = "`kubectl rollout undo deployment/payment-service -n production`"


def test_a_drill_is_shown_step_by_step_on_one_screen(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "experiments/crash-loop.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 45
    told = "\n".join(lines)
    for expected in (
        "experiments/crash-loop.yaml: A bad release crash-loops",
        "bad-release: namespace=production",
        "PaymentPodRestarting must fire; no other may",
        "may touch  namespaces production; kubectl describe, get, logs, rollout history",
        "if needed   kubectl rollout undo deployment/payment-service -n production",
        "watch       Monitor for 15 minutes",
        "^ <pod-name> is a pod that is not ready, if there is one, of app=payment-service",
        "permissions: 37, asked for before anything is started",
        "get list patch watch           deployments (apps)  (fault bad-release, line 65",
    ):
        assert expected in told, told


def test_what_bindings_add_is_told_and_so_is_what_nobody_does(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["bad-config-reload", "gateway-timeout", "gateway-timeout-fallback"]
    assert main(["plan", *(f"experiments/{name}.yaml" for name in names)]) == 0
    told = capsys.readouterr().out
    assert "^ sets /data/DATABASE_TIMEOUT_S to " in told
    assert "^ no command is bound to it, so nobody does it" in told
    assert "^ not the runbook's words: the bindings say so" in told
    assert told.count("permissions:") == 1


def test_for_programs_it_is_json_with_each_permission_of_each_drill(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["crash-loop", "memory-leak"]
    assert main(["plan", "--json", *(f"experiments/{name}.yaml" for name in names)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [drill["starts"] for drill in told["drills"]] == [True, True]
    one = told["drills"][0]
    assert [(step["line"], step["fate"]) for step in one["procedure"]] == [
        (65, "run"),
        (66, "if needed"),
        (67, "run"),
        (128, "run"),
        (131, "watch"),
    ]
    assert {
        "namespace": None,
        "group": "",
        "resource": "nodes",
        "verb": "list",
        "who": ["detection"],
    } in told["permissions"]
    assert len(one["permissions"]) < len(told["permissions"])


def test_the_role_of_a_drill_can_be_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--rbac", "experiments/crash-loop.yaml"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("# What experiments/crash-loop.yaml needs, and no more:")
    assert "kind: ClusterRoleBinding" in told


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("kubectl delete namespace production", "the verb `delete` is not in the blast radius"),
        ("kubectl delete pods --all -n production", "the verb `delete` is not in the blast radius"),
        ("kubectl rollout undo deployment/vault -n kube-system", "the namespace `kube-system`"),
    ],
)
def test_a_procedure_that_would_leave_the_blast_radius_never_starts(
    project: Path, capsys: pytest.CaptureFixture[str], command: str, why: str
) -> None:
    replace(runbook(project), f"go back: {UNDO}", f"go back: `{command}`")
    assert main(["plan", "experiments/crash-loop.yaml"]) == 2
    told = capsys.readouterr()
    assert f"WILL NOT START: `{command}` (pod-crashloopbackoff#2) is refused: {why}" in told.out
    assert f"refused     {command}" in told.out
    assert "not reached kubectl describe pod" in told.out
    assert main(["run", "experiments/crash-loop.yaml"]) == 2
    told = capsys.readouterr()
    assert f"runbook.md:66: `{command}` (pod-crashloopbackoff#2) is refused: {why}" in told.err
    assert "fix: leave the step out of `procedure` in experiments/crash-loop.yaml" in told.err
    assert not (project / "runs").exists()
    assert main(["plan", "--rbac", "experiments/crash-loop.yaml"]) == 2
    assert capsys.readouterr().out == ""


def test_no_blast_radius_is_wide_enough_for_a_namespace(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(runbook(project), f"go back: {UNDO}", "go back: `kubectl delete namespace production`")
    file = project / "experiments" / "crash-loop.yaml"
    replace(file, "verbs: [describe,", "verbs: [delete, describe,")
    assert main(["run", "experiments/crash-loop.yaml"]) == 2
    assert "`namespace` belongs to no namespace" in capsys.readouterr().err


def test_plain_chaos_toolkit_starts_it_no_more_than_rundrill(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(runbook(project), f"go back: {UNDO}", "go back: `kubectl delete namespace production`")

    class Place:
        scratch = project
        journal = None

        def lock(self) -> Any:
            return nullcontext()

        def local(self, *_: object, **__: object) -> Any:
            local = type("Local", (), {"running": lambda _: 15.0, "name": "local"})()
            local.kubeconfig = project / "kubeconfig"
            return local

        def recover(self, *_: object, **__: object) -> None: ...
        def require_free(self, *_: object, **__: object) -> None: ...

    monkeypatch.setattr(experiment, "Workplace", Place)
    monkeypatch.setattr(experiment, "find_kubectl", lambda: Path("kubectl"))
    monkeypatch.setattr(experiment, "Instruments", _never)
    with pytest.raises(BaseException, match=r"`kubectl delete namespace production`.*is refused"):
        experiment.open_session("experiments/crash-loop.yaml")


def test_a_look_outside_the_blast_radius_is_refused_when_it_is_reached(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(runbook(project), f"go back: {UNDO}", "go back: `kubectl get pods -n vault`")
    assert main(["plan", "experiments/crash-loop.yaml"]) == 0
    told = capsys.readouterr().out
    assert "refused     kubectl get pods -n vault" in told
    assert "^ the namespace `vault` is not in the blast radius (allowed: production)" in told
    assert "^ the responder stops at line 66" in told


def test_bad_input_is_one_message(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "experiments/nothing.yaml"]) == 2
    assert "there is no such experiment file" in capsys.readouterr().err


def test_a_command_that_nobody_can_foresee_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(runbook(project), f"go back: {UNDO}", "go back: `kubectl get widgets -n production`")
    assert main(["plan", "experiments/crash-loop.yaml"]) == 0
    assert (
        "not known, so not asked for: kubectl get widgets -n production"
        " (pod-crashloopbackoff#2 (runbook.md:66)): the kind `widgets` is not known here"
    ) in capsys.readouterr().out
