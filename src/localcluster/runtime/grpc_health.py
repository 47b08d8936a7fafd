"""One call of gRPC's health service over plain HTTP/2, as far as a probe needs it.

The request's headers are written without compression and without a table, which every HTTP/2
server must take; the answer's headers are not read, only its one message. So an answer without a
message is a failure, but its gRPC status is not told.
"""

import asyncio
import struct
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PATH: Final = b"/grpc.health.v1.Health/Check"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GO_AWAY = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 0x1, 0x1, 0x4, 0x8
_STATUS: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_LONGEST_FRAME: Final = 16 * 1024


async def check(host: str, port: int, service: str, timeout_s: float) -> str | None:
    """None when the service is SERVING, else what is wrong, in the kubelet's words."""
    address = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
    except (TimeoutError, OSError):
        # A refused connection is tried again until the time is over, and told like this.
        return (
            f'timeout: failed to connect service "{address}" within {timeout_s:g}s:'
            " context deadline exceeded"
        )
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(_request(address, service))
            status = _status(await _message(reader, writer))
    except TimeoutError:
        return f"timeout: health rpc did not complete within {timeout_s:g}s"
    except (OSError, EOFError, ValueError) as error:
        why = str(error) or type(error).__name__
        return f"error: health rpc probe failed: {why}"
    finally:
        writer.close()
    return None if status == "SERVING" else f'service unhealthy (responded with "{status}")'


def _request(address: str, service: str) -> bytes:
    headers = b"".join(
        (
            b"\x83\x86",  # :method POST, :scheme http
            b"\x04" + _text(_PATH),
            b"\x01" + _text(address.encode()),
            b"\x0f\x10" + _text(b"application/grpc"),
            b"\x0f\x2b" + _text(b"kube-probe/1.37"),
            b"\x00" + _text(b"te") + _text(b"trailers"),
        )
    )
    name = service.encode()
    message = b"\x0a" + _length(len(name)) + name if name else b""
    body = struct.pack(">BI", 0, len(message)) + message
    return b"".join(
        (
            _PREFACE,
            _frame(_SETTINGS, 0, 0, b""),
            _frame(_HEADERS, _END_HEADERS, 1, headers),
            _frame(_DATA, _END_STREAM, 1, body),
        )
    )


def _text(value: bytes) -> bytes:
    """A string of HPACK, not compressed; shorter than 127 bytes here."""
    return bytes([len(value)]) + value


def _length(number: int) -> bytes:
    """A number of protobuf."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


async def _message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The answer's one message; raises `ValueError` when it ends without one."""
    body = b""
    while True:
        head = await reader.readexactly(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        if size > _LONGEST_FRAME:
            raise ValueError("it does not speak HTTP/2")
        payload = await reader.readexactly(size)
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _GO_AWAY or (kind == _RST and stream == 1):
            raise ValueError("the server ended the call")
        elif kind == _DATA and stream == 1:
            body += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
            if len(body) >= 5 and len(body) >= 5 + int.from_bytes(body[1:5], "big"):
                return body[5:]
        if stream == 1 and kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            raise ValueError("the server answered without a health status")


def _status(message: bytes) -> str:
    """Of a HealthCheckResponse: its only field is a small number; 0 is left out."""
    number = message[1] if len(message) == 2 and message[0] == 0x08 else 0
    return _STATUS[number] if number < len(_STATUS) else str(number)
