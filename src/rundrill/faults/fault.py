"""What every fault can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster

Original = dict[str, Any]
"""What the undo needs, as JSON: it goes to disk before the first change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What a role must allow: some verbs on one resource of one API group ("" is the core).

    `namespace` is the name of the parameter that holds the namespace.
    """

    verbs: tuple[str, ...]
    group: str = ""
    resource: str
    namespace: str = "namespace"


class Fault(Protocol):
    """One cause. Every method may raise `ClusterError`."""

    PARAMETERS: ClassVar[tuple[FaultParameter, ...]]
    PERMISSIONS: ClassVar[tuple[Permission, ...]]
    """All that inject, undo and every look need; a test holds the requests against it."""

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None: ...

    def original(self) -> Original:
        """The state to come back to; read before the change, changes nothing."""
        ...

    def inject(self) -> str:
        """Makes the change; gives it in one sentence."""
        ...

    def landed(self) -> str | None:
        """Evidence that the cause is really there; None while there is none."""
        ...

    def missing(self) -> str:
        """What was seen instead, when it did not land."""
        ...

    def harm(self) -> str | None:
        """What of it is still there, however it was fixed; None when the service is rid of it.

        Not the opposite of `landed`: a pod that crash-loops is also harm while it runs for a
        second between two crashes. Another thread asks, while `landed` is still being asked.
        """
        ...

    def undo(self, original: Original) -> None:
        """Brings the original back; harmless when the procedure already did."""
        ...

    def undone(self, original: Original) -> str | None:
        """Evidence that nothing of the cause is left; None while there is none."""
        ...
