"""What every pod of this node shares."""

from dataclasses import dataclass
from pathlib import Path

from localcluster.controllers.events import EventRecorder
from localcluster.images.catalogue import Catalogue
from localcluster.interfaces import Registry
from localcluster.journal import Journal
from localcluster.network.addresses import Block
from localcluster.network.services import ServiceNetwork
from localcluster.runtime.memory_groups import MemoryGroups
from localcluster.runtime.meter import Meter

NODE_NAME = "localcluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`compress` divides the kubelet's own timers (back-off, grace); probes are never divided.

    Without `memory_groups` the meter enforces memory limits.
    """

    registry: Registry
    recorder: EventRecorder
    journal: Journal
    catalogue: Catalogue
    network: ServiceNetwork
    block: Block
    meter: Meter
    cluster_id: str
    token: str
    pods_folder: Path
    volumes_folder: Path
    compress: float = 1.0
    memory_groups: MemoryGroups | None = None
