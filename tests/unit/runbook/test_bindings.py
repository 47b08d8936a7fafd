from pathlib import Path
from textwrap import dedent

import pytest

from rundrill.errors import BindingError
from rundrill.model import Bindings, Edit, PodQuery
from rundrill.runbook import load_bindings, parse_bindings


def read(text: str) -> Bindings:
    return parse_bindings(dedent(text), Path("bindings.yaml"))


def test_everything_is_optional() -> None:
    assert read("{}") == Bindings(path="bindings.yaml")


def test_all_kinds_of_bindings(tmp_path: Path) -> None:
    path = tmp_path / "bindings.yaml"
    path.write_text(
        dedent(
            """\
            metrics:
              error rate: a / b
            alerts:
              restart-count: PodRestarting
            placeholders:
              $NS: production
              <pod-name>:
                pod: {namespace: production, selector: app=a, prefer: not-ready}
              <any>:
                pod: {namespace: production, selector: app=a, prefer: any}
              <some>:
                pod: {namespace: production, selector: app=a}
            """
        ),
        encoding="utf-8",
    )
    pod = PodQuery(namespace="production", selector="app=a")
    assert load_bindings(path) == Bindings(
        path=str(path),
        metrics={"error rate": "a / b"},
        alerts={"restart-count": "PodRestarting"},
        placeholders={
            "$NS": "production",
            "<pod-name>": PodQuery(namespace="production", selector="app=a", prefer="not-ready"),
            "<any>": pod,
            "<some>": pod,
        },
    )


@pytest.mark.parametrize(
    ("text", "place", "problem", "fix"),
    [
        ("metrics: {a: ''}", "1:14", "`a` is bound to nothing", "PromQL"),
        ("metrics: {a: b, a: c}", "1:17", "`a` is there twice", "keep one"),
        ("metrics: [a]", "1:10", "expected a mapping", None),
        ("metrics: {a: [b]}", "1:14", "expected a plain value", None),
        ("metrcs: {}", "1:9", "unknown key `metrcs`", "metrics"),
        ("placeholders:\n  <p>: {pods: {}}", "2:8", "`pod` is missing", None),
        (
            "placeholders:\n  <p>: {pod: {namespace: a, selector: b}, x: y}",
            "2:46",
            "unknown key `x`",
            "pod",
        ),
        (
            "placeholders:\n  <p>: {pod: {namespace: a, selector: b, prefr: any}}",
            "2:49",
            "unknown key `prefr`",
            "prefer",
        ),
        (
            "placeholders:\n  <p>: {pod: {namespace: a, selector: b, prefer: notready}}",
            "2:50",
            "a pod cannot be preferred by 'notready'",
            "not-ready",
        ),
        ("metrics: {", "1:11", "is not YAML", None),
        ("", None, "is empty", None),
    ],
)
def test_errors_name_place_problem_and_fix(
    text: str, place: str | None, problem: str, fix: str | None
) -> None:
    with pytest.raises(BindingError) as caught:
        read(text)
    message = str(caught.value)
    where = "bindings.yaml" if place is None else f"bindings.yaml:{place}"
    assert message.startswith(f"{where}: ")
    assert problem in message
    assert fix is None or fix in str(caught.value.fix)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="cannot be read"):
        load_bindings(tmp_path / "none.yaml")


def test_manual_steps_get_commands_and_editors_get_edits() -> None:
    bindings = read(
        """\
        steps:
          gateway-failures#3:
            commands: [kubectl edit configmap c -n n, kubectl rollout restart deployment/d -n n]
        edits:
          gateway-failures#3: {set: {/data/FALLBACK: "true", /data/N: 3}, remove: [/data/a~1b]}
        """
    )
    assert bindings.steps == {
        "gateway-failures#3": (
            "kubectl edit configmap c -n n",
            "kubectl rollout restart deployment/d -n n",
        )
    }
    assert bindings.edits == {
        "gateway-failures#3": Edit(
            set={"/data/FALLBACK": "true", "/data/N": 3}, remove=("/data/a~1b",)
        )
    }


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("steps: {a: {commands: [x]}}", "1:12", "`a` is not a step"),
        ("steps: {a#1: {commands: []}}", "1:14", "`a#1` is bound to nothing"),
        ("steps: {a#1: {commands: ['']}}", "1:14", "`a#1` is bound to nothing"),
        ("steps: {a#1: {command: [x]}}", "1:24", "unknown key `command`"),
        ("edits: {a#1: {}}", "1:14", "`a#1` changes nothing"),
        ("edits: {a#1: {set: {data: x}}}", "1:27", "`data` is not a JSON pointer"),
        ("edits: {a#1: {remove: [/data/~2]}}", "1:24", "`/data/~2` is not a JSON pointer"),
        ("extends: nowhere.yaml", "1:10", "there is no file nowhere.yaml"),
    ],
)
def test_a_wrong_step_binding_is_told_with_its_place(text: str, place: str, problem: str) -> None:
    with pytest.raises(BindingError) as caught:
        read(text)
    assert f"bindings.yaml:{place}: {problem}" in str(caught.value)


def test_a_file_that_extends_another_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "metrics: {a: base, b: base}\nsteps: {x#1: {commands: [kubectl get pods]}}\n",
        encoding="utf-8",
    )
    path = tmp_path / "more.yaml"
    path.write_text("extends: base.yaml\nmetrics: {a: more}\n", encoding="utf-8")
    bindings = load_bindings(path)
    assert bindings.path == str(path)
    assert bindings.metrics == {"a": "more", "b": "base"}
    assert bindings.steps == {"x#1": ("kubectl get pods",)}


def test_files_that_extend_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n", encoding="utf-8")
    with pytest.raises(BindingError, match=r"a.yaml extends this file"):
        load_bindings(tmp_path / "a.yaml")
