"""The official Python client against a cluster: one JSON object of what it was told.

A program of its own, because the client leaves connections open that end with its process.
"""

import json
import sys
from typing import Any

from kubernetes import client, config, stream, watch


def lists(api: client.ApiClient) -> dict[str, int]:
    """How many objects each list has. Its models are strict: one bad field fails a whole list."""
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    reads = [
        core.list_config_map_for_all_namespaces,
        core.list_endpoints_for_all_namespaces,
        core.list_event_for_all_namespaces,
        core.list_namespace,
        core.list_node,
        core.list_persistent_volume_claim_for_all_namespaces,
        core.list_pod_for_all_namespaces,
        core.list_secret_for_all_namespaces,
        core.list_service_account_for_all_namespaces,
        core.list_service_for_all_namespaces,
        apps.list_controller_revision_for_all_namespaces,
        apps.list_deployment_for_all_namespaces,
        apps.list_replica_set_for_all_namespaces,
        apps.list_stateful_set_for_all_namespaces,
        client.AutoscalingV2Api(api).list_horizontal_pod_autoscaler_for_all_namespaces,
        client.AutoscalingV1Api(api).list_horizontal_pod_autoscaler_for_all_namespaces,
        client.BatchV1Api(api).list_cron_job_for_all_namespaces,
        client.BatchV1Api(api).list_job_for_all_namespaces,
        client.CoordinationV1Api(api).list_lease_for_all_namespaces,
        client.DiscoveryV1Api(api).list_endpoint_slice_for_all_namespaces,
        client.EventsV1Api(api).list_event_for_all_namespaces,
        client.NetworkingV1Api(api).list_network_policy_for_all_namespaces,
        client.PolicyV1Api(api).list_pod_disruption_budget_for_all_namespaces,
    ]
    return {
        f"{read.__self__.__class__.__name__}.{read.__name__}": len(read().items) for read in reads
    }


def works(api: client.ApiClient) -> dict[str, Any]:
    """Writing, watching, logs, an error and a command."""
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    scaled = apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 4}})
    seen = watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=1)
    found = {
        "replicas": scaled.spec.replicas,
        "watched": [[event["type"], event["object"].metadata.name] for event in seen],
        "log": core.read_namespaced_pod_log("p", "default"),
        "minor": client.VersionApi(api).get_code().minor,
    }
    try:
        core.read_namespaced_pod("nosuch", "default")
    except client.ApiException as error:
        found["missing"] = error.status
    run = stream.stream(
        core.connect_get_namespaced_pod_exec,
        "p",
        "default",
        command=["exit", "7"],
        stdout=True,
        stderr=True,
        stdin=False,
        tty=False,
        _preload_content=False,
    )
    run.run_forever(timeout=10)
    found |= {"code": run.returncode, "stdout": run.read_stdout()}
    return found


if __name__ == "__main__":
    configuration = client.Configuration()
    config.load_kube_config(sys.argv[1], client_configuration=configuration)
    surroundings = client.ApiClient(configuration)
    print(json.dumps({"lists": lists(surroundings), **works(surroundings)}))
