from hypothesis import given
from hypothesis import strategies as st

from rundrill.load.tail import Tail, last_lines


def test_a_file_that_does_not_exist_yet_has_no_lines(tmp_path):
    tail = Tail(tmp_path / "f")
    assert tail.lines() == []
    (tmp_path / "f").write_bytes(b"a\n")
    assert tail.lines() == [b"a"]
    assert tail.lines() == []
    tail.close()
    (tmp_path / "f").write_bytes(b"a\nb\n")
    assert tail.lines() == []


@given(st.lists(st.binary(max_size=12).map(lambda part: part.replace(b"\r", b"")), max_size=8))
def test_however_it_grows_the_lines_are_those_of_the_whole_file(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("tail") / "f"
    tail = Tail(path)
    seen = []
    with path.open("wb", buffering=0) as file:
        for part in parts:
            file.write(part)
            seen += tail.lines()
    tail.close()
    assert seen == b"".join(parts).split(b"\n")[:-1]


def test_the_last_lines_leave_out_empty_ones(tmp_path):
    (tmp_path / "log").write_text("x" * 20_000 + "\none\n\ntwo  \n\n")
    assert last_lines(tmp_path / "log", 2) == ["one", "two"]
    assert last_lines(tmp_path / "none", 2) == []
