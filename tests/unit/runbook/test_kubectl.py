"""The reading of kubectl's arguments, compared with the help of the installed kubectl."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from rundrill.responder import find_kubectl
from rundrill.runbook.kubectl import read_invocation

VERBS = [
    "get", "describe", "logs", "top pod", "top node", "rollout history", "rollout undo",
    "rollout status", "rollout restart", "rollout pause", "rollout resume", "delete", "scale",
    "apply", "edit", "patch", "wait", "exec", "port-forward", "events", "label", "annotate",
    "set image", "set env", "set resources", "explain", "api-resources", "version", "auth can-i",
    "replace", "run", "expose", "autoscale", "cp", "cordon", "drain", "taint",
]  # fmt: skip
_OPTION = re.compile(r"^ +(?:-(\w), )?--([\w-]+)=(.*):$", re.MULTILINE)
_OPTIONAL = {"cascade", "dry-run", "validate"}
"""They have a value, and take it after `=` only."""


@pytest.fixture(scope="module")
def kubectl() -> Path:
    return find_kubectl()


@cache
def options(kubectl: Path, *verb: str) -> list[tuple[str, str, bool]]:
    """(letter, name, takes a value) of each option that the help lists."""
    words = [*verb, "--help"] if verb else ["options"]
    text = subprocess.run(
        [kubectl, *words], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    return [
        (letter, name, default not in ("true", "false") and name not in _OPTIONAL)
        for letter, name, default in _OPTION.findall(text)
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_the_real_kubectl_is_read_as_it_reads_it(kubectl: Path, verb: str) -> None:
    read = options(kubectl) + options(kubectl, *verb.split())
    assert len(read) > 25
    for letter, name, takes_value in read:
        for flag in [f"--{name}", *([f"-{letter}"] if letter else [])]:
            invocation = read_invocation([*verb.split(), flag, "word"])
            expected = ("word",) if takes_value else ("true",)
            got = invocation.flags.get(name) or invocation.flags.get("container")
            assert got == expected, (verb, flag)
            assert invocation.arguments == (() if takes_value else ("word",)), (verb, flag)


@pytest.mark.parametrize(
    ("words", "verb", "arguments", "flags"),
    [
        ("get pods -n a", "get", ["pods"], {"namespace": ["a"]}),
        ("-n a get pods", "get", ["pods"], {"namespace": ["a"]}),
        ("get pods -na", "get", ["pods"], {"namespace": ["a"]}),
        ("get pods -n=a", "get", ["pods"], {"namespace": ["a"]}),
        ("get pods --namespace a", "get", ["pods"], {"namespace": ["a"]}),
        ("get pods --namespace=a -n b", "get", ["pods"], {"namespace": ["a", "b"]}),
        ("get pods -wAn a", "get", ["pods"],
         {"watch": ["true"], "all-namespaces": ["true"], "namespace": ["a"]}),
        ("rollout undo deployment/a", "rollout undo", ["deployment/a"], {}),
        ("rollout", "rollout", [], {}),
        ("logs -f a", "logs", ["a"], {"follow": ["true"]}),
        ("logs -p a", "logs", ["a"], {"previous": ["true"]}),
        ("apply -f a", "apply", [], {"filename": ["a"]}),
        ("get pods -n", "get", ["pods"], {"namespace": ["true"]}),
        ("get pods -Z", "get", ["pods"], {"Z": ["true"]}),
        ("get - pods", "get", ["-", "pods"], {}),
        ("-f x", "", [], {"filename": ["x"]}),
        ("", "", [], {}),
    ],
)  # fmt: skip
def test_words(words: str, verb: str, arguments: list[str], flags: dict[str, list[str]]) -> None:
    read = read_invocation(words.split())
    assert read.verb == verb
    assert read.arguments == tuple(arguments)
    assert read.flags == {name: tuple(values) for name, values in flags.items()}


def test_what_exec_runs_is_left_alone() -> None:
    read = read_invocation(["exec", "-it", "a", "-n", "b", "--", "psql", "-n", "c", "--", "d"])
    assert read.inner == ("psql", "-n", "c", "--", "d")
    assert read.flags == {"stdin": ("true",), "tty": ("true",), "namespace": ("b",)}


def test_a_switch_can_be_switched_off() -> None:
    read = read_invocation(["get", "pods", "--watch=false"])
    assert not read.has("watch", "watch-only")
    assert read_invocation(["get", "-w"]).has("watch")
