"""Stamped lines, their bound, and their reading."""

import asyncio
import os
from pathlib import Path

from localcluster.runtime.logs import LogFile, Selection, read


def _read(path: Path, **query: object) -> str:
    async def collect() -> bytes:
        selection = Selection(**query)  # type: ignore[arg-type]
        return b"".join([chunk async for chunk in read(path, selection)])

    return asyncio.run(collect()).decode()


def _written(path: Path, *pieces: bytes, max_bytes: int = 10**6) -> Path:
    async def write() -> None:
        log = LogFile(path, max_bytes)
        for piece in pieces:
            log.feed("stdout", piece)
        log.close()

    asyncio.run(write())
    return path


def test_lines_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = _written(tmp_path / "log", b"one\ntw", b"o\n\nthree")
    assert _read(path) == "one\ntwo\n\nthree\n"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = _written(tmp_path / "log", b"".join(b"%d\n" % n for n in range(1000)))
    assert _read(path, tail_lines=2) == "998\n999\n"
    assert _read(path, tail_lines=0) == ""


def test_timestamps_are_shown_when_asked_for(tmp_path: Path) -> None:
    line = _read(_written(tmp_path / "log", b"hello\n"), timestamps=True)
    time, _, text = line.partition(" ")
    assert text == "hello\n"
    assert time.endswith("Z")
    assert len(time) == len("2026-01-01T00:00:00.000000000Z")


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    path = _written(tmp_path / "log", b"new\n")
    old = b"2020-01-01T00:00:00.000000000Z stdout F old\n"
    path.write_bytes(old + path.read_bytes())
    assert _read(path, since_s=60.0) == "new\n"


def test_the_limit_cuts_in_the_middle_of_a_line(tmp_path: Path) -> None:
    assert _read(_written(tmp_path / "log", b"abcdef\nghi\n"), limit_bytes=9) == "abcdef\ngh"


def test_a_very_long_line_is_whole_again_when_read(tmp_path: Path) -> None:
    long = b"x" * 50_000
    assert _read(_written(tmp_path / "log", long + b"\nend\n")) == long.decode() + "\nend\n"


def test_a_chatty_container_keeps_at_most_two_parts(tmp_path: Path) -> None:
    path = _written(tmp_path / "log", *(b"%05d\n" % n for n in range(2000)), max_bytes=5000)
    sizes = [part.stat().st_size for part in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 5000
    lines = _read(path).split()
    assert lines[-1] == "01999"
    assert lines == [f"{n:05d}" for n in range(int(lines[0]), 2000)]


def test_following_goes_on_over_a_rotation_until_the_container_ends(tmp_path: Path) -> None:
    async def follow() -> str:
        log = LogFile(tmp_path / "log", 2000)
        log.feed("stdout", b"first\n")
        got: list[bytes] = []

        async def reader() -> None:
            got.extend([chunk async for chunk in read(log.path, Selection(), log)])

        task = asyncio.create_task(reader())
        for number in range(100):
            log.feed("stderr", b"%d\n" % number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        log.close()
        await task
        return b"".join(got).decode()

    text = asyncio.run(follow())
    assert text.split() == ["first", *map(str, range(100))]


def test_a_pipe_is_drained_before_the_log_is_closed(tmp_path: Path) -> None:
    async def write() -> None:
        log = LogFile(tmp_path / "log")
        fd = log.pipe("stdout")
        os.write(fd, b"last words\n")
        os.close(fd)
        await log.drained(5.0)
        log.close()

    asyncio.run(write())
    assert _read(tmp_path / "log") == "last words\n"
