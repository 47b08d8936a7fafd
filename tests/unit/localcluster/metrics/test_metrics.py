"""The cluster's metrics, checked by promtool where it is installed."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from localcluster import kinds
from localcluster.controllers.bootstrap import node_object
from localcluster.metrics import cadvisor, kube_state
from localcluster.metrics.cadvisor import Machine, Usage
from localcluster.registry import MemoryRegistry

CRASHING: dict[str, Any] = {
    "phase": "Running",
    "podIP": "127.9.1.1",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [
        {
            "name": "app",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }
    ],
}


@pytest.fixture
def text() -> str:
    registry = MemoryRegistry(lambda: datetime.now(UTC))
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "i",
                    "resources": {"limits": {"memory": "64Mi", "cpu": "250m"}},
                }
            ]
        },
    }
    registry.create(
        kinds.DEPLOYMENTS,
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
        },
    )
    pod = registry.create(kinds.PODS, {"metadata": {"name": "web-0"}, "spec": template["spec"]})
    registry.update_status(kinds.PODS, {**pod, "status": CRASHING})
    return kube_state.render(registry)


def _value(text: str, name: str, **labels: str) -> float:
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.split("{")[0] == name and all(f'{k}="{v}"' in head for k, v in labels.items()):
            return float(value)
    raise AssertionError(f"no {name} {labels} in:\n{text}")


def test_restarts_and_reasons_of_a_crashing_container(text: str) -> None:
    where = {"namespace": "default", "pod": "web-0", "container": "app"}
    assert _value(text, "kube_pod_container_status_restarts_total", **where) == 4
    reason = {**where, "reason": "CrashLoopBackOff"}
    assert _value(text, "kube_pod_container_status_waiting_reason", **reason) == 1
    ended = {**where, "reason": "Error"}
    assert _value(text, "kube_pod_container_status_last_terminated_reason", **ended) == 1


def test_phase_and_readiness_have_one_true_series(text: str) -> None:
    assert _value(text, "kube_pod_status_phase", pod="web-0", phase="Running") == 1
    assert _value(text, "kube_pod_status_phase", pod="web-0", phase="Pending") == 0
    assert _value(text, "kube_pod_status_ready", pod="web-0", condition="false") == 1
    assert _value(text, "kube_pod_status_ready", pod="web-0", condition="true") == 0


def test_limits_are_in_base_units(text: str) -> None:
    limits = "kube_pod_container_resource_limits"
    assert _value(text, limits, resource="memory", unit="byte") == 64 * 2**20
    assert _value(text, limits, resource="cpu", unit="core") == 0.25


def test_a_deployment_without_pods_counts_zero(text: str) -> None:
    assert _value(text, "kube_deployment_spec_replicas", deployment="web") == 1
    assert _value(text, "kube_deployment_status_replicas_available", deployment="web") == 0


def test_usage_has_cadvisors_names() -> None:
    text = cadvisor.render(
        [
            Usage(
                namespace="n",
                pod="p",
                uid="u",
                container="c",
                image='odd"\\image',
                cpu_s=1.25,
                memory_bytes=1000,
                limit_bytes=None,
            )
        ]
    )
    assert _value(text, "container_cpu_usage_seconds_total", pod="p") == 1.25
    assert _value(text, "container_memory_working_set_bytes", namespace="n") == 1000
    assert _value(text, "container_spec_memory_limit_bytes", container="c") == 0
    assert 'image="odd\\"\\\\image"' in text


# Type and labels as the documentation of kube-state-metrics and the source of cAdvisor have them.
# Left out here: families of Jobs, CronJobs and HorizontalPodAutoscalers.
_POD = "namespace pod uid"
_CONTAINER = f"{_POD} container"
DOCUMENTED = {
    "kube_pod_info": f"{_POD} host_ip pod_ip node created_by_kind created_by_name priority_class"
    " host_network",
    "kube_pod_owner": f"{_POD} owner_kind owner_name owner_is_controller",
    "kube_pod_created": _POD,
    "kube_pod_deletion_timestamp": _POD,
    "kube_pod_start_time": _POD,
    "kube_pod_completion_time": _POD,
    "kube_pod_status_phase": f"{_POD} phase",
    "kube_pod_status_reason": f"{_POD} reason",
    "kube_pod_status_ready": f"{_POD} condition",
    "kube_pod_status_scheduled": f"{_POD} condition",
    "kube_pod_status_unschedulable": _POD,
    "kube_pod_status_qos_class": f"{_POD} qos_class",
    "kube_pod_restart_policy": f"{_POD} type",
    "kube_pod_container_state_started": _CONTAINER,
    "kube_pod_container_status_last_terminated_exitcode": _CONTAINER,
    "kube_pod_container_status_last_terminated_timestamp": _CONTAINER,
    **{
        f"kube_pod_{kind}_{name}": f"{_CONTAINER}{more}"
        for kind in ("container", "init_container")
        for name, more in {
            "info": " image image_id image_spec container_id",
            "status_ready": "",
            "status_restarts_total": "",
            "status_running": "",
            "status_waiting": "",
            "status_terminated": "",
            "status_waiting_reason": " reason",
            "status_terminated_reason": " reason",
            "status_last_terminated_reason": " reason",
            "resource_requests": " node resource unit",
            "resource_limits": " node resource unit",
        }.items()
    },
    **{
        f"kube_deployment_{name}": f"namespace deployment{more}"
        for name, more in {
            "created": "",
            "metadata_generation": "",
            "spec_replicas": "",
            "spec_paused": "",
            "status_condition": " reason condition status",
            "status_observed_generation": "",
            "status_replicas": "",
            "status_replicas_available": "",
            "status_replicas_ready": "",
            "status_replicas_unavailable": "",
            "status_replicas_updated": "",
        }.items()
    },
    **{
        f"kube_replicaset_{name}": f"namespace replicaset{more}"
        for name, more in {
            "created": "",
            "metadata_generation": "",
            "owner": " owner_kind owner_name owner_is_controller",
            "spec_replicas": "",
            "status_fully_labeled_replicas": "",
            "status_observed_generation": "",
            "status_ready_replicas": "",
            "status_replicas": "",
        }.items()
    },
    **{
        f"kube_statefulset_{name}": f"namespace statefulset{more}"
        for name, more in {
            "created": "",
            "metadata_generation": "",
            "replicas": "",
            "status_current_revision": " revision",
            "status_observed_generation": "",
            "status_replicas": "",
            "status_replicas_available": "",
            "status_replicas_current": "",
            "status_replicas_ready": "",
            "status_replicas_updated": "",
            "status_update_revision": " revision",
        }.items()
    },
    "kube_node_info": "node kernel_version os_image container_runtime_version kubelet_version"
    " provider_id pod_cidr system_uuid internal_ip",
    "kube_node_created": "node",
    "kube_node_spec_unschedulable": "node",
    "kube_node_status_condition": "node condition status",
    "kube_node_status_capacity": "node resource unit",
    "kube_node_status_allocatable": "node resource unit",
    "kube_namespace_created": "namespace",
    "kube_namespace_status_phase": "namespace phase",
    "kube_configmap_info": "namespace configmap",
    "kube_configmap_created": "namespace configmap",
    "kube_configmap_metadata_resource_version": "namespace configmap",
    "kube_service_info": "namespace service uid cluster_ip external_name external_traffic_policy"
    " load_balancer_ip",
    "kube_service_created": "namespace service uid",
    "kube_service_spec_type": "namespace service uid type",
    "kube_endpoint_info": "namespace endpoint",
    "kube_endpoint_created": "namespace endpoint",
    "kube_endpoint_address": "namespace endpoint ip port_protocol port_number port_name ready",
}
_USAGE = "namespace pod container image id name"
_MACHINE = "machine_id system_uuid boot_id"
CADVISOR = {
    "container_cpu_usage_seconds_total": f"{_USAGE} cpu",
    "container_memory_working_set_bytes": _USAGE,
    "container_memory_usage_bytes": _USAGE,
    "container_memory_rss": _USAGE,
    "container_memory_max_usage_bytes": _USAGE,
    "container_spec_memory_limit_bytes": _USAGE,
    "container_start_time_seconds": _USAGE,
    "container_oom_events_total": _USAGE,
    "machine_cpu_cores": _MACHINE,
    "machine_memory_bytes": _MACHINE,
}
# What kubernetes-mixin's alerts about applications and nodes read; not here, and said so in the
# documentation: CPU throttling, since CPU limits are not enforced.
ALERTS_READ = {
    "kube_pod_container_status_waiting_reason",
    "kube_pod_status_phase",
    "kube_pod_owner",
    "kube_deployment_status_observed_generation",
    "kube_deployment_metadata_generation",
    "kube_deployment_status_condition",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_replicas_updated",
    "kube_statefulset_status_replicas_ready",
    "kube_statefulset_replicas",
    "kube_statefulset_status_replicas_updated",
    "kube_statefulset_status_observed_generation",
    "kube_statefulset_metadata_generation",
    "kube_statefulset_status_current_revision",
    "kube_statefulset_status_update_revision",
    "kube_node_status_condition",
    "kube_node_spec_unschedulable",
    "kube_node_status_allocatable",
    "kube_pod_info",
    "kube_pod_container_resource_requests",
    "kube_namespace_status_phase",
}


def _busy() -> str:
    """Something of everything that is served, so that no family is empty."""
    registry = MemoryRegistry(lambda: datetime.now(UTC))
    registry.create(kinds.NODES, node_object("n", "127.9.0.1"))
    registry.create(kinds.NAMESPACES, {"metadata": {"name": "shop"}})
    registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {}})
    limits = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", "ephemeral-storage": "1G"}}
    container = {"name": "app", "image": "i", "resources": limits}
    spec = {"containers": [container], "initContainers": [{**container, "name": "init"}]}
    for resource in (kinds.DEPLOYMENTS, kinds.STATEFUL_SETS, kinds.REPLICA_SETS):
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
        made = registry.create(
            resource,
            {
                "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
            },
        )
        status = {
            "conditions": [{"type": "Available", "status": "True", "reason": "Enough"}],
            "currentRevision": "web-1",
            "updateRevision": "web-2",
        }
        registry.update_status(resource, {**made, "status": status})
    registry.create(
        kinds.SERVICES,
        {"metadata": {"name": "web"}, "spec": {"clusterIP": "127.9.0.2", "ports": [{"port": 1}]}},
    )
    registry.create(
        kinds.ENDPOINTS,
        {
            "metadata": {"name": "web"},
            "subsets": [
                {
                    "addresses": [{"ip": "127.9.1.1"}],
                    "notReadyAddresses": [{"ip": "127.9.1.2"}],
                    "ports": [{"port": 80, "name": "http"}],
                }
            ],
        },
    )
    ended = {"exitCode": 3, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
    ended["startedAt"] = ended["finishedAt"]

    def told(name: str, state: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 1,
            "state": state,
            "lastState": {"terminated": ended},
        }

    for name, state in (("w", {"waiting": {"reason": "X"}}), ("t", {"terminated": ended})):
        pod = registry.create(kinds.PODS, {"metadata": {"name": name}, "spec": spec})
        status = {
            "phase": "Failed",
            "qosClass": "Burstable",
            "startTime": ended["startedAt"],
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            "containerStatuses": [told("app", state)],
            "initContainerStatuses": [told("init", state)],
        }
        registry.update_status(kinds.PODS, {**pod, "status": status})
    bound = registry.create(
        kinds.PODS, {"metadata": {"name": "leaving"}, "spec": {**spec, "nodeName": "n"}}
    )
    registry.delete(kinds.PODS, "default", bound["metadata"]["name"])
    return kube_state.render(registry)


def _usage() -> str:
    machine = Machine(cores=2, memory_bytes=1 << 30, machine_id="m", system_uuid="s", boot_id="b")
    usage = Usage(
        namespace="n",
        pod="p",
        uid="u",
        container="c",
        image='odd"\\image',
        cpu_s=1.25,
        memory_bytes=1000,
        limit_bytes=None,
        peak_bytes=2000,
        started_at=1.7e9,
        oom_kills=1,
    )
    return cadvisor.render([usage], machine)


@pytest.mark.parametrize(("made", "documented"), [(_busy, DOCUMENTED), (_usage, CADVISOR)])
def test_families_have_the_documented_types_and_labels(
    made: Callable[[], str], documented: dict[str, str]
) -> None:
    seen = {}
    for family in text_string_to_metric_families(made()):
        # The client takes the suffix off a counter's name; the text has it.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert family.type == ("counter" if name.endswith("_total") else "gauge"), name
        assert family.documentation, name
        labels = {frozenset(sample.labels) for sample in family.samples}
        assert len(labels) == 1, f"{name} has series with different labels"
        unique = {tuple(sorted(sample.labels.items())) for sample in family.samples}
        assert len(unique) == len(family.samples), f"{name} has a series twice"
        seen[name] = set(labels.pop())
    other = ("kube_job_", "kube_cronjob_", "kube_horizontalpodautoscaler_")
    seen = {name: labels for name, labels in seen.items() if not name.startswith(other)}
    assert seen == {name: set(labels.split()) for name, labels in documented.items()}


def test_what_common_alerts_read_is_served() -> None:
    assert DOCUMENTED.keys() >= ALERTS_READ


def test_a_pod_without_an_owner_has_empty_labels_for_it() -> None:
    empty = {"owner_kind": "", "owner_name": "", "owner_is_controller": ""}
    assert _value(_busy(), "kube_pod_owner", pod="w", **empty) == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("made", [_busy, _usage])
def test_promtool_can_read_it(made: Callable[[], str]) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=made().encode(), capture_output=True, check=False
    )
    # 3 is its exit code for lint: kube-state-metrics' own names do not please it either.
    assert done.returncode in (0, 3), done.stderr
    assert b"error" not in done.stderr.lower()
