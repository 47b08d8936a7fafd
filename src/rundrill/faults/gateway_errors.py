"""One gateway answers a share of the requests with an error: a 5xx, or 429 when it is too many."""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import gateway
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class GatewayErrors(gateway.GatewayFault):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *gateway.PARAMETERS,
        FaultParameter(
            name="status",
            help="the HTTP status of the error",
            default="500",
            kind="choice",
            choices=("429", "500", "502", "503", "504"),
        ),
        FaultParameter(name="ratio", help="the share of the requests that get it", kind="share"),
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        super().__init__(
            cluster,
            parameters,
            {
                "error_status": int(str(parameters["status"])),
                "error_ratio": float(str(parameters["ratio"])),
            },
        )
