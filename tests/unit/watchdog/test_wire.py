"""What the runner and its watchdog tell each other."""

import json
import socket
from collections.abc import Iterator

import pytest

from rundrill.plan.limits import ErrorBudget, Limits
from rundrill.watchdog.wire import READY, Lines, Post, line_of


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, its = socket.socketpair()
    with mine, its:
        its.setblocking(False)
        yield mine, its


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(error_budget=ErrorBudget(failed=5, share=None, over_s=60.0), duration_s=9.0),
    ],
)
def test_a_post_comes_out_as_it_went_in(limits: Limits) -> None:
    post = Post(
        home="h",
        kubeconfig="k",
        kubectl="c",
        outlives=True,
        lease_namespace="n",
        holder="x",
        limits=limits,
    )
    assert Post.read(json.loads(line_of("post", post))["post"]) == post


def test_lines_come_whole_and_what_is_not_taken_stays(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    mine, its = ends
    lines = Lines(its)
    assert list(lines.read()) == []
    mine.send(line_of(READY) + b'{"a": 1}\n{"b"')
    assert next(iter(lines.read())) == '{"ready": true}'
    assert list(lines.read()) == ['{"a": 1}']
    mine.send(b": 2}\n")
    mine.close()
    assert list(lines.read()) == ['{"b": 2}']
    assert lines.gone


def test_a_line_that_does_not_end_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    mine, its = ends
    lines = Lines(its)

    def flood() -> None:
        for _ in range(40):
            mine.send(b"x" * 65536)
            list(lines.read())

    with pytest.raises(ValueError, match="does not end"):
        flood()
