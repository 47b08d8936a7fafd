"""One gateway refuses our credentials: 401 for every request, as after a key was revoked.

The vendor's side is what changes; the service's own Secret stays as it is.
"""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import gateway
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class GatewayCredentials(gateway.GatewayFault):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = gateway.PARAMETERS

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        super().__init__(cluster, parameters, {"error_status": 401, "error_ratio": 1.0})
