"""Parameters and permissions that several faults share, and how the texts are read."""

from collections.abc import Mapping
from typing import Final

from rundrill.errors import ExperimentError
from rundrill.faults.fault import Permission
from rundrill.faults.service_pods import Counter, ServicePods
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster

SERVICE: Final = (
    FaultParameter(name="service-namespace", help="the namespace of the service's pods"),
    FaultParameter(name="service-selector", help="the labels of the service's pods"),
    FaultParameter(
        name="metrics-port",
        help="where those pods serve /metrics",
        kind="whole number",
        low=1,
        high=65535,
    ),
)
WATCH_SERVICE: Final = (
    Permission(verbs=("list",), resource="pods", namespace="service-namespace"),
    Permission(verbs=("get",), resource="pods/proxy", namespace="service-namespace"),
)


def service_pods(cluster: Cluster, parameters: Mapping[str, object]) -> ServicePods:
    """The pods that the fault is meant to reach."""
    return ServicePods(
        cluster,
        namespace=str(parameters["service-namespace"]),
        selector=str(parameters["service-selector"]),
        port=int(str(parameters["metrics-port"])),
    )


def counter(parameters: Mapping[str, object], name: str) -> Counter:
    """Raises `ExperimentError`."""
    try:
        return Counter.parse(str(parameters[name]))
    except ValueError as error:
        raise ExperimentError(f"the fault's parameter `{name}`: {error}") from error
