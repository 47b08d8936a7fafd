"""SPDY/3.1 frames, as bytes and as values. No I/O.

A frame is eight bytes and what they announce. Control frames: a bit, version 3 (15 bits), type
(16), flags (8), length (24). Data frames: stream (31 bits), flags (8), length (24).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from localcluster.api.spdy_headers import MAX_BLOCK_BYTES, HeaderError, HeaderReader, HeaderWriter

CANCEL: Final = 5  # the status of a reset, of those that the specification lists
PROTOCOL_ERROR: Final = 1
REFUSED_STREAM: Final = 3

_VERSION: Final = 3
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS = 1, 2, 3, 6, 7, 8
_FIN: Final = 1
_HEAD_BYTES: Final = 8
_MAX_DATA_BYTES: Final = (1 << 24) - 1
_STREAM_MASK: Final = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Opened:
    """SYN_STREAM: the client begins a stream."""

    stream: int
    headers: Mapping[str, str]
    finished: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; one frame may come as several of these. `finished` at its last one."""

    stream: int
    data: bytes
    finished: bool


@dataclass(frozen=True, slots=True)
class Reset:
    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    number: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The client opens no more streams."""


Frame = Opened | Data | Reset | Ping | GoAway


class SpdyError(Exception):
    """The bytes are not SPDY/3; nothing after them can be read."""


class Decoder:
    """Bytes in, in pieces of any size; frames out."""

    def __init__(self) -> None:
        self._headers = HeaderReader()
        self._buffer = bytearray()
        self._stream = 0
        self._flags = 0
        self._left = 0  # bytes still to come of the data frame that has begun

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take all frames before the next call. Raises `SpdyError`."""
        self._buffer += data
        while True:
            if self._left:
                if not self._buffer:
                    return
                yield self._data()
                continue
            if len(self._buffer) < _HEAD_BYTES:
                return
            first, rest = struct.unpack_from(">II", self._buffer)
            flags, length = rest >> 24, rest & _MAX_DATA_BYTES
            if not first >> 31:
                del self._buffer[:_HEAD_BYTES]
                self._stream, self._flags, self._left = first, flags, length
                if not length:
                    yield Data(first, b"", bool(flags & _FIN))
                continue
            if length > MAX_BLOCK_BYTES:
                raise SpdyError(f"a control frame of {length} bytes is too large")
            if first >> 16 & 0x7FFF != _VERSION:
                raise SpdyError(f"a frame of SPDY version {first >> 16 & 0x7FFF}, not 3")
            if len(self._buffer) < _HEAD_BYTES + length:
                return
            body = bytes(self._buffer[_HEAD_BYTES : _HEAD_BYTES + length])
            del self._buffer[: _HEAD_BYTES + length]
            frame = self._control(first & 0xFFFF, flags, body)
            if frame is not None:
                yield frame

    def _data(self) -> Data:
        taken = bytes(self._buffer[: self._left])
        del self._buffer[: len(taken)]
        self._left -= len(taken)
        return Data(self._stream, taken, not self._left and bool(self._flags & _FIN))

    def _control(self, kind: int, flags: int, body: bytes) -> Frame | None:
        """None for what needs no answer: settings, windows, and kinds unknown here."""
        if kind == _SYN_STREAM:  # stream, associated stream, priority and slot, headers
            stream = _number(body, 10) & _STREAM_MASK
            return Opened(stream, self._block(body[10:]), bool(flags & _FIN))
        if kind in (_SYN_REPLY, _HEADERS):
            _number(body, 4)
            self._block(body[4:])  # not used, but zlib has one history for all blocks
        elif kind == _RST_STREAM:
            return Reset(_number(body, 8) & _STREAM_MASK)
        elif kind == _PING:
            return Ping(_number(body, 4))
        elif kind == _GOAWAY:
            return GoAway()
        return None

    def _block(self, block: bytes) -> Mapping[str, str]:
        try:
            return self._headers.read(block)
        except HeaderError as error:
            raise SpdyError(str(error)) from error


def _number(body: bytes, at_least: int) -> int:
    if len(body) < at_least:
        raise SpdyError(f"a control frame of {len(body)} bytes, where {at_least} are needed")
    return int.from_bytes(body[:4], "big")


class Encoder:
    """Frames of this side. They must be sent in the order in which they are made."""

    def __init__(self) -> None:
        self._headers = HeaderWriter()

    def reply(self, stream: int) -> bytes:
        """SYN_REPLY without headers: the stream is accepted."""
        return _control(_SYN_REPLY, struct.pack(">I", stream) + self._headers.write({}))

    def opened(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """SYN_STREAM, for a client."""
        return _control(
            _SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self._headers.write(headers)
        )

    def data(self, stream: int, data: bytes, *, finished: bool = False) -> bytes:
        """`data` of at most 16 MiB - 1."""
        flags = _FIN if finished else 0
        return struct.pack(">II", stream, flags << 24 | len(data)) + data

    def reset(self, stream: int, status: int) -> bytes:
        return _control(_RST_STREAM, struct.pack(">II", stream, status))

    def ping(self, number: int) -> bytes:
        return _control(_PING, struct.pack(">I", number))

    def go_away(self, last_stream: int, status: int) -> bytes:
        return _control(_GOAWAY, struct.pack(">II", last_stream, status))


def _control(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | _VERSION, kind, len(body)) + body
