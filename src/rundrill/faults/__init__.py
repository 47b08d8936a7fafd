"""Injectable causes: one file a fault, one table.

A fault acts through the Kubernetes API only, so that it works on every target. It proves that it
landed and that it was undone with evidence from outside itself.
"""

from collections.abc import Mapping
from typing import Final

from rundrill.faults.auth_down import AuthDown
from rundrill.faults.bad_config import BadConfig
from rundrill.faults.bad_release import BadRelease
from rundrill.faults.cache_down import CacheDown
from rundrill.faults.cpu_pressure import CpuPressure
from rundrill.faults.database_down import DatabaseDown
from rundrill.faults.database_slow import DatabaseSlow
from rundrill.faults.database_unreachable import DatabaseUnreachable
from rundrill.faults.fault import Fault
from rundrill.faults.gateway_credentials import GatewayCredentials
from rundrill.faults.gateway_errors import GatewayErrors
from rundrill.faults.gateway_timeout import GatewayTimeout
from rundrill.faults.memory_leak import MemoryLeak
from rundrill.faults.pods_killed import PodsKilled
from rundrill.faults.pool_exhausted import PoolExhausted
from rundrill.faults.traffic_surge import TrafficSurge

FAULTS: Final[Mapping[str, type[Fault]]] = {
    "auth-down": AuthDown,
    "bad-config": BadConfig,
    "bad-release": BadRelease,
    "cache-down": CacheDown,
    "cpu-pressure": CpuPressure,
    "database-down": DatabaseDown,
    "database-slow": DatabaseSlow,
    "database-unreachable": DatabaseUnreachable,
    "gateway-credentials": GatewayCredentials,
    "gateway-errors": GatewayErrors,
    "gateway-timeout": GatewayTimeout,
    "memory-leak": MemoryLeak,
    "pods-killed": PodsKilled,
    "pool-exhausted": PoolExhausted,
    "traffic-surge": TrafficSurge,
}

__all__ = ["FAULTS", "Fault"]
