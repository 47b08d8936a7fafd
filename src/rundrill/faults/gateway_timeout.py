"""One gateway accepts every request and never answers.

`hang: before` does nothing with the request. `after` charges the customer and then says nothing:
nobody but the gateway knows, and asking again must not charge again.
"""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import gateway
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class GatewayTimeout(gateway.GatewayFault):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *gateway.PARAMETERS,
        FaultParameter(
            name="hang",
            help="silent before or after it has charged",
            default="before",
            kind="choice",
            choices=("before", "after"),
        ),
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        super().__init__(cluster, parameters, {"hang": parameters["hang"]})
