"""Injectable causes: one file a fault, one table.

A fault acts through the Kubernetes API only, so that it works on every target. It proves that it
landed and that it was undone with evidence from outside itself.
"""

from collections.abc import Mapping
from typing import Final

from rundrill.faults.bad_release import BadRelease
from rundrill.faults.fault import Fault

FAULTS: Final[Mapping[str, type[Fault]]] = {
    "bad-release": BadRelease,
}

__all__ = ["FAULTS", "Fault"]
