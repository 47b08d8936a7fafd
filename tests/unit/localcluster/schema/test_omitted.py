"""What the API server does not keep, and what it does."""

from typing import Any

import pytest

from localcluster import kinds, schema
from localcluster.objects import ApiError
from localcluster.schema.decode import decode
from localcluster.schema.defaults import apply_defaults


def _deployment(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "x", "labels": {}, "finalizers": []},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [{"name": "c", "env": [{"name": "E", "value": ""}]}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                },
            },
            **spec,
        },
    }


def test_empty_lists_and_maps_and_zeros_are_not_kept() -> None:
    found = decode(kinds.DEPLOYMENTS, _deployment(paused=False, minReadySeconds=0)).object
    assert found["metadata"] == {"name": "x"}
    assert {"paused", "minReadySeconds"}.isdisjoint(found["spec"])
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "E"}]


def test_a_zero_behind_a_pointer_and_an_empty_structure_are_kept() -> None:
    found = decode(kinds.DEPLOYMENTS, _deployment(replicas=0, revisionHistoryLimit=0)).object
    assert found["spec"]["replicas"] == 0
    assert found["spec"]["revisionHistoryLimit"] == 0
    assert found["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_client_affinity_lasts_three_hours_by_default() -> None:
    service = {"metadata": {"name": "x"}, "spec": {"sessionAffinity": "ClientIP"}}
    apply_defaults(kinds.SERVICES, service)
    assert service["spec"]["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("dnsPolicy", "Nonsense", "spec.template.spec.dnsPolicy: Unsupported value"),
        ("tolerations", [{}], "tolerations[0].operator: Invalid value"),
        ("tolerations", [{"key": "k", "operator": "Bad"}], "operator: Unsupported value"),
    ],
)
def test_a_pod_with_a_setting_that_means_nothing_is_refused(
    field: str, value: Any, place: str
) -> None:
    deployment = _deployment()
    deployment["spec"]["template"]["spec"][field] = value
    apply_defaults(kinds.DEPLOYMENTS, deployment)
    with pytest.raises(ApiError) as refused:
        schema.check_create(kinds.DEPLOYMENTS, deployment)
    assert place in refused.value.message


def test_a_finalizer_with_a_bad_name_is_refused() -> None:
    deployment = _deployment()
    deployment["metadata"]["finalizers"] = ["example.com/fine", "orphan", "y:1", "plain"]
    apply_defaults(kinds.DEPLOYMENTS, deployment)
    with pytest.raises(ApiError) as refused:
        schema.check_create(kinds.DEPLOYMENTS, deployment)
    assert 'metadata.finalizers: Invalid value: "y:1"' in refused.value.message
    assert 'metadata.finalizers[3]: Invalid value: "plain"' in refused.value.message
