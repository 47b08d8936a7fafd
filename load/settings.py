"""Environment variables -> Settings. Pure: imports neither locust nor gevent.

| variable | meaning | default |
|---|---|---|
| RUNDRILL_LOAD_RATE | requests a minute, offered whatever the service does | 1000 |
| RUNDRILL_LOAD_RAMP_S | seconds of linear ramp from 0 to the rate | 0 |
| RUNDRILL_LOAD_MAX_IN_FLIGHT | beyond it an arrival is dropped and counted | 500 |
| RUNDRILL_LOAD_MIX | shares of `card`, `wallet` and `read`; scaled to their sum | card=0.45,... |
| RUNDRILL_LOAD_SEED | makes the sequence of requests repeatable (never the keys) | random |
| RUNDRILL_LOAD_TIMEOUT_S | how long a customer waits for one answer | 10 |
| RUNDRILL_LOAD_RETRIES | retries of an unacknowledged payment, with the same key | 0 |
| RUNDRILL_LOAD_TOKEN | bearer token | drill-customer |
| RUNDRILL_LOAD_CONNECTIONS | idle connections kept open, so that every pod gets its share | 48 |
| RUNDRILL_LOAD_STOP_S | how long requests in flight may finish after the stop | 5 |
| RUNDRILL_LOAD_RECORD | path of the request log (JSON lines) | none |
| RUNDRILL_LOAD_METRICS | host:port of the Prometheus endpoint; port 0 takes a free one | none |
| RUNDRILL_LOAD_PARENT | process id without which the load stops by itself | none |
| RUNDRILL_LOAD_SHARE | `2/3`: the second of three `--worker` processes of one schedule | none |

The rate and the limits are those of all workers together. A seed repeats the sequence of requests
for the same number of workers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from load.arrivals import Share

KINDS: Final = ("card", "wallet", "read")
DEFAULT_MIX: Final = "card=0.45,wallet=0.25,read=0.30"
PREFIX: Final = "RUNDRILL_LOAD_"


class SettingsError(Exception):
    """A variable is wrong: place, problem and fix in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked; times in seconds, `mix` sums to 1."""

    rate_per_min: float
    ramp_s: float
    max_in_flight: int
    mix: Mapping[str, float]
    seed: int | None
    timeout_s: float
    retries: int
    token: str
    connections: int
    stop_s: float
    record: Path | None
    metrics: tuple[str, int] | None
    parent: int | None
    share: Share | None


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Reads the variables of the module's table. Raises `SettingsError`."""
    read = _Reader(environ)
    record = read.text("RECORD", "")
    return Settings(
        rate_per_min=read.number("RATE", 1000.0, above=0.0),
        ramp_s=read.number("RAMP_S", 0.0),
        max_in_flight=read.integer("MAX_IN_FLIGHT", 500, least=1),
        mix=read.mix("MIX", DEFAULT_MIX),
        seed=read.optional_integer("SEED"),
        timeout_s=read.number("TIMEOUT_S", 10.0, above=0.0),
        retries=read.integer("RETRIES", 0, least=0),
        token=read.text("TOKEN", "drill-customer"),
        connections=read.integer("CONNECTIONS", 48, least=1),
        stop_s=read.number("STOP_S", 5.0),
        record=Path(record) if record else None,
        metrics=read.address("METRICS"),
        parent=read.optional_integer("PARENT"),
        share=read.share("SHARE"),
    )


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(PREFIX + name, "").strip() or default

    def number(self, name: str, default: float, *, above: float | None = None) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            raise _wrong(name, text, "not a number", f"for example {default:g}") from None
        if not math.isfinite(value) or value < 0 or (above is not None and value <= above):
            limit = "0 or more" if above is None else f"more than {above:g}"
            raise _wrong(name, text, f"must be {limit}", f"for example {default:g}")
        return value

    def integer(self, name: str, default: int, *, least: int) -> int:
        value = self.optional_integer(name)
        if value is None:
            return default
        if value < least:
            raise _wrong(name, str(value), f"must be {least} or more", f"for example {default}")
        return value

    def optional_integer(self, name: str) -> int | None:
        text = self.text(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise _wrong(name, text, "not a whole number", "write digits only") from None

    def mix(self, name: str, default: str) -> Mapping[str, float]:
        text = self.text(name, default)
        fix = f"for example {DEFAULT_MIX}"
        shares: dict[str, float] = {}
        for part in text.split(","):
            kind, _, share = part.strip().partition("=")
            if kind not in KINDS:
                raise _wrong(name, text, f"{kind!r} is none of {', '.join(KINDS)}", fix)
            if kind in shares:
                raise _wrong(name, text, f"{kind!r} is there twice", fix)
            try:
                shares[kind] = float(share)
            except ValueError:
                raise _wrong(name, text, f"the share of {kind!r} is not a number", fix) from None
            if not math.isfinite(shares[kind]) or shares[kind] < 0:
                raise _wrong(name, text, f"the share of {kind!r} must be 0 or more", fix)
        total = math.fsum(shares.values())
        if total <= 0:
            raise _wrong(name, text, "the shares sum to 0", fix)
        return {kind: share / total for kind, share in shares.items()}

    def address(self, name: str) -> tuple[str, int] | None:
        text = self.text(name, "")
        if not text:
            return None
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise _wrong(name, text, "not host:port", "for example 127.0.0.1:0")
        return host.strip("[]"), int(port)

    def share(self, name: str) -> Share | None:
        text = self.text(name, "")
        if not text:
            return None
        worker, slash, of = text.partition("/")
        if not (slash and worker.isdecimal() and of.isdecimal() and 1 <= int(worker) <= int(of)):
            raise _wrong(name, text, "not a share", "for example 2/3, the second of three workers")
        return Share(worker=int(worker), of=int(of))


def _wrong(name: str, value: str, problem: str, fix: str) -> SettingsError:
    return SettingsError(f"{PREFIX}{name}={value}: {problem}\n  fix: {fix}")
