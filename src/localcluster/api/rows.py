"""The columns of `kubectl get`, one entry a kind. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from localcluster import kinds
from localcluster.api import job_rows, object_rows, workload_rows
from localcluster.api.cells import Cells
from localcluster.objects import KubeObject, Resource


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns`: name, type and priority (1 is shown by -o wide alone), as `Name:string:0`."""

    columns: tuple[str, ...]
    cells: Callable[[KubeObject, datetime], Cells]


_TEMPLATE: Final = ("Containers::1", "Images::1", "Selector::1")

LAYOUTS: Final[Mapping[Resource, Layout]] = {
    kinds.CONFIG_MAPS: Layout(("Name", "Data", "Age"), object_rows.config_map),
    kinds.CONTROLLER_REVISIONS: Layout(
        ("Name", "Controller", "Revision", "Age"), workload_rows.revision
    ),
    kinds.CRON_JOBS: Layout(
        (
            "Name",
            "Schedule",
            "Timezone",
            "Suspend:boolean",
            "Active:integer",
            "Last Schedule",
            "Age",
            *_TEMPLATE,
        ),
        job_rows.cron_job,
    ),
    kinds.DEPLOYMENTS: Layout(
        ("Name", "Ready", "Up-to-date", "Available", "Age", *_TEMPLATE), workload_rows.deployment
    ),
    kinds.ENDPOINTS: Layout(("Name", "Endpoints", "Age"), object_rows.endpoints),
    kinds.ENDPOINT_SLICES: Layout(
        ("Name", "AddressType", "Ports", "Endpoints", "Age"), object_rows.endpoint_slice
    ),
    kinds.EVENTS: Layout(
        (
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "Subobject::1",
            "Source::1",
            "Message",
            "First Seen::1",
            "Count::1",
            "Name::1",
        ),
        object_rows.event,
    ),
    kinds.HORIZONTAL_POD_AUTOSCALERS: Layout(
        ("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"),
        job_rows.autoscaler,
    ),
    kinds.JOBS: Layout(
        ("Name", "Status", "Completions", "Duration", "Age", *_TEMPLATE), job_rows.job
    ),
    kinds.LEASES: Layout(("Name", "Holder", "Age"), object_rows.lease),
    kinds.NAMESPACES: Layout(("Name", "Status", "Age"), object_rows.namespace),
    kinds.NETWORK_POLICIES: Layout(("Name", "Pod-Selector", "Age"), object_rows.network_policy),
    kinds.NODES: Layout(
        (
            "Name",
            "Status",
            "Roles",
            "Age",
            "Version",
            "Internal-IP::1",
            "External-IP::1",
            "OS-Image::1",
            "Kernel-Version::1",
            "Container-Runtime::1",
        ),
        object_rows.node,
    ),
    kinds.PERSISTENT_VOLUME_CLAIMS: Layout(
        (
            "Name",
            "Status",
            "Volume",
            "Capacity",
            "Access Modes",
            "StorageClass",
            "VolumeAttributesClass",
            "Age",
            "VolumeMode::1",
        ),
        object_rows.claim,
    ),
    kinds.POD_DISRUPTION_BUDGETS: Layout(
        ("Name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age"),
        workload_rows.disruption_budget,
    ),
    kinds.PODS: Layout(
        (
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "Age",
            "IP::1",
            "Node::1",
            "Nominated Node::1",
            "Readiness Gates::1",
        ),
        workload_rows.pod,
    ),
    kinds.REPLICA_SETS: Layout(
        ("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", *_TEMPLATE),
        workload_rows.replica_set,
    ),
    kinds.SECRETS: Layout(("Name", "Type", "Data", "Age"), object_rows.secret),
    kinds.SERVICE_ACCOUNTS: Layout(("Name", "Secrets", "Age"), object_rows.service_account),
    kinds.SERVICES: Layout(
        ("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector::1"),
        object_rows.service,
    ),
    kinds.STATEFUL_SETS: Layout(
        ("Name", "Ready", "Age", "Containers::1", "Images::1"), workload_rows.stateful_set
    ),
}
