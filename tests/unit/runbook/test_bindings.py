from pathlib import Path
from textwrap import dedent

import pytest

from rundrill.errors import BindingError
from rundrill.model import Bindings, PodQuery
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
