"""Logs of several workers, merged, are the log of one process."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.errors import MachineError
from rundrill.load.merge import Merge, MergedTail
from rundrill.load.record import RequestLog
from tests.unit.rundrill.load.test_record import SLOW_S, ZERO, logs, when


def text(line):
    return json.dumps(line).encode()


def account(lines):
    log = RequestLog(zero=ZERO, start=ZERO, slow_s=SLOW_S)
    for line in lines:
        log.feed(line)
    return log


def end(at, **counts):
    line = dict.fromkeys(("issued", "completed", "ok", "failed", "dropped", "abandoned"), 0)
    return {"t": "end", "at": at, "why": "stopped", **line, "worst_lateness_ms": 0.0} | counts


@given(lines=logs(), workers=st.integers(1, 4), data=st.data())
def test_merged_they_give_the_account_of_one_process_however_they_are_read(lines, workers, data):
    merge = Merge(workers)
    of = [[line for line in lines if line["i"] % workers == k] for k in range(workers)]
    merged = []
    while any(of):
        worker = data.draw(st.sampled_from([k for k in range(workers) if of[k]]))
        merge.feed(worker, text(of[worker].pop(0)))
        if data.draw(st.booleans()):
            merged += merge.take()
    merged += merge.rest()
    assert [line.at for line in merged] == [when(line) for line in lines]
    assert sorted(line.text for line in merged) == sorted(map(text, lines))
    one, several = account(map(text, lines)), account(line.text for line in merged)
    assert several.totals == one.totals
    assert several.samples(ZERO + 100) == one.samples(ZERO + 100)
    window = (ZERO + 1, ZERO + 3, 0.1)
    assert several.delivered(*window) == one.delivered(*window)


def test_a_line_waits_until_every_worker_is_as_far():
    merge = Merge(2)
    merge.feed(0, b'{"t":"abandoned","i":0,"at":5}')
    assert merge.take() == []
    merge.feed(1, b'{"t":"tick","at":4}')
    assert merge.take() == []
    merge.feed(1, b'{"t":"tick","at":5}')
    assert [line.at for line in merge.take()] == [5]


def test_the_end_is_of_all_and_only_where_all_came_to_one():
    merge = Merge(2)
    merge.feed(0, text(end(7.0, issued=3, ok=2, worst_lateness_ms=1.5)))
    assert merge.rest() == []
    merge.feed(1, text(end(6.0, issued=4, ok=1, worst_lateness_ms=2.5, why="no record")))
    (line,) = merge.rest()
    found = json.loads(line.text)
    assert (found["at"], found["issued"], found["ok"]) == (7.0, 7, 3)
    assert (found["worst_lateness_ms"], found["why"]) == (2.5, "no record")


def test_a_worker_that_has_ended_keeps_nobody_waiting():
    merge = Merge(2)
    merge.feed(0, text(end(1.0)))
    merge.feed(1, b'{"t":"abandoned","i":0,"at":50}')
    assert [line.at for line in merge.take()] == [50]


@pytest.mark.parametrize(
    "line", [b"x", b"{}", b"[]", b'{"t":"tick"}', b'{"t":"tick","at":"x"}', b'{"t":"end","at":1}']
)
def test_a_line_of_somebody_else_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        Merge(1).feed(0, line)


def test_a_foreign_line_is_told_with_the_file_of_its_worker(tmp_path):
    paths = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    (tmp_path / "m.jsonl").write_text('{"t":"start","at":1,"metrics":null,"port":5}\n')
    paths[1].write_text('{"t":"tick","at":1}\nnot ours\n')
    tail = MergedTail(tmp_path / "all.jsonl", master=tmp_path / "m.jsonl", workers=paths)
    try:
        with pytest.raises(MachineError, match=r"2\.jsonl:2: not a line of a request log"):
            tail.lines()
    finally:
        tail.close()


def test_nothing_is_merged_of_workers_that_wrote_nothing(tmp_path):
    tail = MergedTail(tmp_path / "all.jsonl", master=tmp_path / "m", workers=[tmp_path / "1"])
    assert (tail.lines(), tail.rest(), tail.port, tail.announced) == ([], [], None, False)
    tail.close()
    assert not (tmp_path / "all.jsonl").exists()
