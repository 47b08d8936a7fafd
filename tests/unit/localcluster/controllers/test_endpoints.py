"""Who is behind a Service."""

from typing import Any

import pytest

from localcluster import kinds


@pytest.fixture
def service(cluster: Any) -> None:
    cluster.registry.create(
        kinds.SERVICES,
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "clusterIP": "127.9.64.1",
                "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
    )


def _subsets(cluster: Any) -> Any:
    return cluster.registry.get(kinds.ENDPOINTS, "shop", "web").get("subsets") or []


@pytest.mark.usefixtures("service")
def test_ready_pods_are_listed_with_the_port_that_the_name_means(cluster: Any) -> None:
    cluster.deploy(replicas=2)
    cluster.settle()
    (subset,) = _subsets(cluster)
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert len(subset["addresses"]) == 2
    (slice_,) = cluster.registry.list(kinds.ENDPOINT_SLICES, "shop")
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [each["conditions"]["ready"] for each in slice_["endpoints"]] == [True, True]


@pytest.mark.usefixtures("service")
def test_a_pod_that_is_not_ready_is_listed_apart(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    cluster.bad_images.add("v1")
    cluster.set_ready(cluster.pods()[0]["metadata"]["name"], is_ready=False)
    cluster.settle()
    (subset,) = _subsets(cluster)
    assert "addresses" not in subset
    assert len(subset["notReadyAddresses"]) == 1


@pytest.mark.usefixtures("service")
def test_a_pod_that_is_being_deleted_leaves_at_once(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    pod = cluster.pods()[0]
    cluster.bad_images.add("v1")
    cluster.registry.delete(kinds.PODS, "shop", pod["metadata"]["name"])
    cluster.time.advance()
    listed = [a["ip"] for subset in _subsets(cluster) for a in subset.get("addresses", ())]
    assert pod["status"]["podIP"] not in listed


@pytest.mark.usefixtures("service")
def test_endpoints_go_with_their_service(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    cluster.registry.delete(kinds.SERVICES, "shop", "web")
    cluster.settle()
    assert cluster.registry.find(kinds.ENDPOINTS, "shop", "web") is None
    assert not cluster.registry.list(kinds.ENDPOINT_SLICES, "shop")
