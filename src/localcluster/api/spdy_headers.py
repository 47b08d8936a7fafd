"""SPDY/3 header blocks: names and values behind one zlib stream for each direction.

The dictionary that primes zlib is a constant of the SPDY/3 specification, section 2.6.10.1.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

MAX_BLOCK_BYTES: Final = 64 * 1024  # a header block, taken out of its compression

_WORDS: Final = """
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base content-encoding
content-language content-length content-location content-md5 content-range content-type date etag
expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_TAIL: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, "
    "Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _length_and(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()


DICTIONARY: Final = (
    b"".join(_length_and(word.replace("_", " ")) for word in _WORDS.split()) + _TAIL.encode()
)


class HeaderError(Exception):
    """A header block that cannot be read. The zlib stream is lost with it."""


class HeaderReader:
    """The headers that one side of a connection sends, in the order it sends them."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def read(self, block: bytes) -> Mapping[str, str]:
        """Names are lower case, values as sent. Raises `HeaderError`."""
        try:
            plain = self._zlib.decompress(block, MAX_BLOCK_BYTES + 1)
        except zlib.error as error:
            raise HeaderError(f"the header block is not zlib's: {error}") from error
        if len(plain) > MAX_BLOCK_BYTES or self._zlib.unconsumed_tail:
            raise HeaderError(f"a header block is larger than {MAX_BLOCK_BYTES} bytes")
        return _pairs(plain)


class HeaderWriter:
    """The headers of this side."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def write(self, headers: Mapping[str, str]) -> bytes:
        plain = struct.pack(">I", len(headers)) + b"".join(
            _length_and(name.lower()) + _length_and(value) for name, value in headers.items()
        )
        return self._zlib.compress(plain) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


def _pairs(plain: bytes) -> Mapping[str, str]:
    """Count, then length and text of each name and each value, all counted in 32 bits."""
    texts = []
    at = 4
    while at < len(plain):
        end = at + 4 + int.from_bytes(plain[at : at + 4], "big")
        if end > len(plain) or at + 4 > len(plain):
            raise HeaderError("a header block ends within a header")
        texts.append(plain[at + 4 : end].decode("utf-8", "replace"))
        at = end
    if len(plain) < 4 or int.from_bytes(plain[:4], "big") * 2 != len(texts):
        raise HeaderError("a header block has more or fewer headers than it says")
    return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}
