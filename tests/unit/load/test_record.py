import json
import os
from pathlib import Path

import pytest

from load.record import Record, RecordError


def test_lines_come_in_the_order_in_which_they_were_written(tmp_path):
    record = Record(tmp_path / "r.jsonl")
    for number in range(5):
        record.write({"t": "dropped", "i": number})
    record.flush()
    record.write({"t": "end"})
    record.close()
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line.get("i") for line in lines] == [0, 1, 2, 3, 4, None]


def test_nothing_is_lost_when_the_disk_takes_only_a_part(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:3])))
    record = Record(tmp_path / "r.jsonl")
    record.write({"t": "issued", "i": 1})
    record.close()
    assert (tmp_path / "r.jsonl").read_text() == '{"t":"issued","i":1}\n'


def test_without_a_path_nothing_is_kept():
    record = Record(None)
    record.write({"t": "end"})
    record.close()


def test_a_second_close_does_nothing(tmp_path):
    record = Record(tmp_path / "r.jsonl")
    record.close()
    record.close()


def test_an_older_record_is_never_overwritten_or_mixed(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("{}\n")
    with pytest.raises(RecordError, match="older record"):
        Record(path)
    assert path.read_text() == "{}\n"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"nowhere.*cannot be written") as caught:
        Record(tmp_path / "nowhere" / "r.jsonl")
    assert "fix:" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_is_an_error_with_place_problem_and_fix():
    record = Record(Path("/dev/full"))
    record.write({"t": "end"})
    with pytest.raises(RecordError, match=r"/dev/full: .*No space left") as caught:
        record.flush()
    assert "fix: free disk space" in str(caught.value)
    with pytest.raises(RecordError):
        record.close()
