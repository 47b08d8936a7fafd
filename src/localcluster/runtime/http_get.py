"""One GET as the kubelet makes it for a probe or a hook."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

_LONGEST_ANSWER: Final = 64 * 1024


async def http_get(url: str, extra: Sequence[Mapping[str, str]], agent: str) -> tuple[int, str]:
    """Status and `Location` (empty without one).

    `extra` is a manifest's `httpHeaders`; they replace the usual ones of the same name. Raises
    `OSError`, and `ValueError` for what is no HTTP.
    """
    where = urlsplit(url)
    secure = where.scheme == "https"
    context: ssl.SSLContext | None = None
    if secure:
        # As the kubelet does: it does not check the certificate.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    host, port = where.hostname or "", where.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_LONGEST_ANSWER)
    try:
        writer.write(_request(url, f"{host}:{port}", extra, agent))
        status = await reader.readline()
        location = ""
        while (line := (await reader.readline()).strip()) and status:
            name, _, value = line.partition(b":")
            if name.lower() == b"location":
                location = value.strip().decode("latin-1")
        # The rest is read so that the server does not log a connection reset for every probe.
        with contextlib.suppress(OSError):
            await reader.read(_LONGEST_ANSWER)
        return int(status.split(maxsplit=2)[1]), location
    except IndexError:
        raise ValueError("no status line") from None
    finally:
        writer.close()


def _request(url: str, host: str, extra: Sequence[Mapping[str, str]], agent: str) -> bytes:
    where = urlsplit(url)
    path = (where.path or "/") + (f"?{where.query}" if where.query else "")
    given = {each["name"].lower() for each in extra}
    usual = {"Host": host, "User-Agent": agent, "Accept": "*/*"}
    lines = [f"GET {path} HTTP/1.1"]
    lines += [f"{key}: {value}" for key, value in usual.items() if key.lower() not in given]
    lines += [f"{each['name']}: {each.get('value', '')}" for each in extra]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()
