"""The installed kubectl is asked, and does nothing: no cluster, no file, no plugin."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from rundrill.errors import TargetError
from rundrill.kubectl_answers import SERVER_VERBS, ask
from rundrill.lint.calls import OPEN
from rundrill.responder import find_kubectl


def said(command: str) -> str | None:
    words = tuple(command.split())
    return ask(find_kubectl(), [words])[words]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("gett pods", "unknown command"),
        ("get pods --tail=3", "unknown flag: --tail"),
        ("get pods -Z", "unknown shorthand flag"),
        ("scale deployment x --replicas=many", "invalid argument"),
        ("scale deployment x -n shop", "replicas"),
        ("rollout undoo deployment/x", "no subcommand `undoo`"),
        ("config vieww", "no subcommand `vieww`"),
        ("create deploymen x --image=y", "flag"),
        ("create deploymen x", "no subcommand `deploymen`"),
        ("rollout undo", "required resource"),
        ("logs", "expected 'logs"),
        ("exec x", "must specify at least one command"),
        ("apply -f", "flag needs an argument"),
        ("port-forward svc/x", "list of ports"),
        ("label pod x", "label update is required"),
    ],
)
def test_what_it_does_not_accept(command: str, words: str) -> None:
    assert words in (said(command) or "accepted")


@pytest.mark.parametrize(
    "command",
    [
        "get pods -n shop -l app=shop -o wide",
        "-n shop get pods",
        "logs -f deployment/shop -n shop --tail=100",
        "exec -it db-0 -n data -- psql -U postgres -c --bogus",
        "top pods -n shop",
        "rollout undo deployment/shop --to-revision=3",
        "scale deployment shop --replicas=5 -n shop",
        "edit configmap shop -n shop",
        "port-forward svc/shop 8080:8080 -n shop",
        "get events -n shop --sort-by=.lastTimestamp",
        "config get-contexts",
        "create configmap x --from-literal=a=b",
        "set image deployment/shop web=shop:2",
        "auth can-i delete pods",
        f"describe pod {OPEN} -n shop",
        f"scale deployment shop --replicas={OPEN}",
        f"rollout undo deployment/{OPEN}",
        f"get pods --request-timeout={OPEN}",
        f"{OPEN} pods",
        "-n shop",
        "",
    ],
)
def test_what_it_accepts(command: str) -> None:
    assert said(command) is None


def test_no_server_is_ever_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the one of the user's kubeconfig nor the one that a command names."""
    called: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        config = tmp_path / "config"
        config.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters: [{{name: c, cluster: {{server: '{address}'}}}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u}]\n",
            encoding="utf-8",
        )
        monkeypatch.setenv("KUBECONFIG", str(config))
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                try:
                    called.append(server.accept())
                except TimeoutError:
                    continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            said("delete pods -n shop -l app=shop")
            said(f"delete pods --all --server={address}")
            said(f"--kubeconfig={config} delete namespace shop")
        finally:
            ended.set()
            watcher.join()
    assert called == []


def test_no_plugin_and_no_editor_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = tmp_path / "touched"
    for name in ("kubectl-rampage", "editor"):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nopen({str(touched)!r}, 'w')\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("EDITOR", str(tmp_path / "editor"))
    monkeypatch.setenv("KUBE_EDITOR", str(tmp_path / "editor"))
    kubectl = find_kubectl()
    for words in (("rampage", "now"), ("edit", "configmap", "x"), ("config", "edit")):
        ask(kubectl, [words])
    assert not touched.exists()


def test_a_kubectl_that_cannot_be_run_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as refused:
        ask(tmp_path / "none", [("get", "pods")])
    assert str(tmp_path / "none") in str(refused.value)


def test_nothing_that_acts_on_this_machine_is_run_against_the_closed_port() -> None:
    local = {"apply", "cp", "run", "create", "replace", "proxy", "config", "plugin", "kustomize",
             "debug", "attach", "diff", "completion", "wait"}  # fmt: skip
    assert not {verb.split()[0] for verb in SERVER_VERBS} & local
