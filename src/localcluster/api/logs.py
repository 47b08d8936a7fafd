"""`pods/log`: what a container has written, as plain text, to its end or as it comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from localcluster.api.ages import parse_time
from localcluster.api.answers import flag, number
from localcluster.api.context import Api, Target
from localcluster.api.pods import chosen_container, pod_of
from localcluster.status import bad_request

# A follower of a silent container gets its headers after this; errors come sooner.
_HEADERS_AFTER_S: Final = 0.25


async def logs(request: web.Request, api: Api, target: Target) -> web.StreamResponse:
    pod = pod_of(api, target)
    chunks = api.runtime.logs(
        target.key_namespace,
        target.name,
        chosen_container(pod, request.query.get("container", "")),
        previous=flag(request, "previous"),
        follow=flag(request, "follow"),
        tail_lines=_not_negative(request, "tailLines"),
        since_s=_since_s(request, api),
        timestamps=flag(request, "timestamps"),
        limit_bytes=_not_negative(request, "limitBytes"),
    )
    first = asyncio.ensure_future(_next(chunks))
    response = web.StreamResponse()
    response.headers["Content-Type"] = "text/plain"
    response.headers["Cache-Control"] = "no-cache, private"
    async with api.streams.open():
        try:
            await asyncio.wait([first], timeout=_HEADERS_AFTER_S)
            if first.done():
                first.result()  # an error is told as a Status while nothing has been sent
            with contextlib.suppress(ConnectionError):
                await response.prepare(request)
                chunk = await first
                while chunk is not None:
                    await response.write(chunk)
                    chunk = await _next(chunks)
                await response.write_eof()
        finally:
            if not first.done():
                first.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await first
            if (close := getattr(chunks, "aclose", None)) is not None:
                await close()
    return response


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


def _not_negative(request: web.Request, name: str) -> int | None:
    value = number(request, name)
    if value is not None and value < 0:
        raise bad_request(f"{name}: Invalid value: {value}: must be greater than or equal to 0")
    return value


def _since_s(request: web.Request, api: Api) -> float | None:
    """sinceSeconds, or how long ago sinceTime was."""
    seconds = _not_negative(request, "sinceSeconds")
    text = request.query.get("sinceTime", "")
    if not text:
        return None if seconds is None else float(seconds)
    if seconds is not None:
        raise bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified")
    moment = parse_time(text)
    if moment is None:
        raise bad_request(f'sinceTime: cannot parse "{text}" as an RFC 3339 time')
    return max((api.now() - moment).total_seconds(), 0.0)
