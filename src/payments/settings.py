"""Settings from the environment. Standard library only: they are checked before heavy imports.

In a cluster the environment comes from the ConfigMap `payment-service-config` and from the
Secret `payment-service-credentials`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
LOG_LEVELS = ("debug", "info", "warning", "error")
DEFECTS = ("none", "leak", "burn")


class SettingsError(Exception):
    """The environment does not make a working configuration; the message names every problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where a process serves. Port 0 lets the system choose."""

    address: str
    port: int
    metrics_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the service can be told. Durations are seconds."""

    version: str
    listen: Listen
    database_url: str
    database_password: str | None = field(repr=False)
    cache_url: str
    stripe_url: str
    paypal_url: str
    auth_url: str
    stripe_api_key: str | None = field(repr=False)
    paypal_api_key: str | None = field(repr=False)
    pool_size: int
    database_timeout_s: float
    cache_timeout_s: float
    gateway_timeout_s: float
    auth_timeout_s: float
    auth_cache_s: int
    breaker_failures: int
    breaker_open_s: float
    fallback_payments_enabled: bool
    fallback_after_s: float
    deferred_interval_s: float
    drain_s: float
    log_level: str
    leak_mib_per_s: float
    """0 unless the release has this defect."""
    burn_cpu_s: float
    """CPU that every request costs; 0 unless the release has this defect."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Reads and checks every setting. Raises `SettingsError` with all problems at once."""
    read = _Reader(environment)
    version = read.text("SERVICE_VERSION", default="0.0.0")
    read.demands(version)
    defect = read.choice("DEFECT", DEFECTS, default="none")
    leak_mib_per_s = read.measure("LEAK_MIB_PER_S", default=1.0)
    burn_cpu_s = read.seconds("BURN_CPU_S", default=0.05, low=0.0)
    settings = Settings(
        version=version,
        listen=_listen(read),
        database_url=read.url("DATABASE_URL", schemes=("postgresql", "postgres")),
        database_password=environment.get("DATABASE_PASSWORD") or None,
        cache_url=read.url("CACHE_URL", schemes=("redis", "rediss")),
        stripe_url=read.url("STRIPE_URL", schemes=("http", "https")),
        paypal_url=read.url("PAYPAL_URL", schemes=("http", "https")),
        auth_url=read.url("AUTH_URL", schemes=("http", "https")),
        stripe_api_key=environment.get("STRIPE_API_KEY") or None,
        paypal_api_key=environment.get("PAYPAL_API_KEY") or None,
        pool_size=read.integer("POOL_SIZE", default=10, low=1, high=1000),
        database_timeout_s=read.seconds("DATABASE_TIMEOUT_S", default=2.0),
        cache_timeout_s=read.seconds("CACHE_TIMEOUT_S", default=0.25),
        gateway_timeout_s=read.seconds("GATEWAY_TIMEOUT_S", default=2.0),
        auth_timeout_s=read.seconds("AUTH_TIMEOUT_S", default=1.0),
        auth_cache_s=read.integer("AUTH_CACHE_S", default=30, low=0, high=3600),
        breaker_failures=read.integer("BREAKER_FAILURES", default=5, low=1, high=10_000),
        breaker_open_s=read.seconds("BREAKER_OPEN_S", default=5.0),
        fallback_payments_enabled=read.flag("FALLBACK_PAYMENTS_ENABLED", default=False),
        # Below the half second that customers are promised.
        fallback_after_s=read.seconds("FALLBACK_AFTER_S", default=0.3),
        deferred_interval_s=read.seconds("DEFERRED_INTERVAL_S", default=1.0),
        drain_s=read.seconds("DRAIN_S", default=0.5, low=0.0),
        log_level=read.choice("LOG_LEVEL", LOG_LEVELS, default="info"),
        leak_mib_per_s=leak_mib_per_s if defect == "leak" else 0.0,
        burn_cpu_s=burn_cpu_s if defect == "burn" else 0.0,
    )
    read.finish()
    return settings


def listen_from_environment(environment: Mapping[str, str]) -> Listen:
    """BIND_ADDRESS, PORT and METRICS_PORT alone, for the simulators. Raises `SettingsError`."""
    read = _Reader(environment)
    listen = _listen(read)
    read.finish()
    return listen


def _listen(read: "_Reader") -> Listen:
    return Listen(
        address=read.text("BIND_ADDRESS", default="0.0.0.0"),  # noqa: S104 - a pod serves its address
        port=read.integer("PORT", default=8080, low=0, high=65535),
        metrics_port=read.integer("METRICS_PORT", default=9090, low=0, high=65535),
    )


class _Reader:
    """Reads values and gathers problems, so that one start tells all of them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def demands(self, version: str) -> None:
        """REQUIRED_SETTINGS: names a release cannot run without, separated by commas."""
        names = [n.strip() for n in self._environment.get("REQUIRED_SETTINGS", "").split(",")]
        for name in filter(None, names):
            if not _NAME.fullmatch(name):
                self._problems.append(
                    f"REQUIRED_SETTINGS names {name!r}, which is no setting;"
                    " use NAMES_LIKE_THIS separated by commas"
                )
            elif not self._environment.get(name, "").strip():
                self._problems.append(
                    f"{name} is required by release {version} and is not set;"
                    " add it to the ConfigMap payment-service-config or roll back the release"
                )

    def text(self, name: str, *, default: str) -> str:
        return self._environment.get(name, "").strip() or default

    def url(self, name: str, *, schemes: tuple[str, ...]) -> str:
        raw = self._environment.get(name, "").strip()
        shape = " or ".join(f"{scheme}://host:port" for scheme in schemes)
        if not raw:
            self._problems.append(f"{name} is not set; set it to {shape}")
            return ""
        try:
            parts = urlsplit(raw)
            usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # an impossible port or address
            usable = False
        if not usable:
            # The value may hold a password, so it is not repeated.
            self._problems.append(f"{name} is not a usable URL; set it to {shape}")
        return raw.rstrip("/")

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        return self._number(name, int, default, low, high, "a whole number")

    def seconds(self, name: str, *, default: float, low: float = 0.001) -> float:
        return self._number(name, float, default, low, 3600.0, "a number of seconds")

    def measure(self, name: str, *, default: float) -> float:
        return self._number(name, float, default, 0.0, 10_000.0, "a number")

    def flag(self, name: str, *, default: bool) -> bool:
        raw = self._environment.get(name, "").strip().lower()
        if raw and raw not in _TRUE | _FALSE:
            self._problems.append(f"{name} is {raw!r}; set it to true or false")
        return raw in _TRUE if raw else default

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        raw = self._environment.get(name, "").strip().lower() or default
        if raw not in choices:
            self._problems.append(f"{name} is {raw!r}; set it to one of {', '.join(choices)}")
        return raw

    def finish(self) -> None:
        if self._problems:
            raise SettingsError("; ".join(self._problems))

    def _number(
        self, name: str, parse: Callable[[str], T], default: T, low: T, high: T, kind: str
    ) -> T:
        raw = self._environment.get(name, "").strip()
        if not raw:
            return default
        try:
            value = parse(raw)
        except ValueError:
            self._problems.append(f"{name} is {raw!r}; set it to {kind} from {low} to {high}")
            return default
        if not low <= value <= high:  # type: ignore[operator] # T is int or float
            self._problems.append(f"{name} is {raw}; set it to {kind} from {low} to {high}")
            return default
        return value
