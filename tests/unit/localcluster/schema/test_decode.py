"""From a client's JSON to a typed object, and what the server adds to it and refuses of it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcluster import kinds, schema
from localcluster.json_copy import copy_json
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.schema.decode import check_missing, decode
from localcluster.schema.pod_defaults import qos_class
from localcluster.schema.quantity import parse_quantity


def pod(**container: Any) -> KubeObject:
    return {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "main", "image": "web:v1", **container}]},
    }


def test_unknown_and_null_fields_are_left_out() -> None:
    body = pod(nosuch=1, env=None)
    body["metadata"]["creationTimestamp"] = None
    result = decode(kinds.PODS, body)
    assert result.unknown == ["spec.containers[0].nosuch"]
    assert result.object == pod()


def test_quantities_and_times_are_made_uniform() -> None:
    result = decode(kinds.PODS, pod(resources={"limits": {"cpu": 2, "memory": "64Mi"}}))
    assert result.object["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "2",
        "memory": "64Mi",
    }
    lease = {"metadata": {"name": "l"}, "spec": {"renewTime": "2026-01-01T01:00:00.5+01:00"}}
    renewed = decode(kinds.LEASES, lease).object["spec"]["renewTime"]
    assert renewed == "2026-01-01T00:00:00.500000Z"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"spec": {"containers": "no"}}, "cannot unmarshal string into Go struct field"),
        ({"spec": {"containers": [5]}}, "cannot unmarshal number"),
        ({"spec": {"hostNetwork": "yes"}}, "PodSpec.spec.hostNetwork of type bool"),
        ({"spec": {"priority": True}}, "cannot unmarshal bool"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels.a of type string"),
        ({"spec": {"containers": [{"ports": [{"containerPort": 1.5}]}]}}, "of type int32"),
        ({"metadata": {"creationTimestamp": "noon"}}, 'parsing time "noon"'),
        ({"metadata": {"creationTimestamp": 5}}, "v1.Time"),
        (
            {"spec": {"containers": [{"livenessProbe": {"httpGet": {"port": 1.5}}}]}},
            "intstr.IntOrString",
        ),
        (
            {"spec": {"containers": [{"resources": {"limits": {"cpu": []}}}]}},
            "resource.Quantity",
        ),
    ],
)
def test_wrong_types_are_told_as_the_server_tells_them(body: KubeObject, told: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(kinds.PODS, body)
    assert caught.value.code == 400
    assert caught.value.message.startswith('Pod in version "v1" cannot be handled as a Pod: ')
    assert told in caught.value.message


def test_missing_fields_are_told_with_their_paths() -> None:
    body = pod()
    del body["spec"]["containers"][0]["name"]
    with pytest.raises(ApiError, match=r"spec.containers\[0\].name: Required value") as caught:
        check_missing(kinds.PODS, decode(kinds.PODS, body))
    assert caught.value.details["causes"][0]["field"] == "spec.containers[0].name"


def test_what_a_status_leaves_out_is_zero_as_in_go() -> None:
    body = {"metadata": {"name": "p"}, "status": {"containerStatuses": [{"name": "main"}]}}
    result = decode(kinds.PODS, body)
    assert not result.missing
    assert result.object["status"]["containerStatuses"] == [
        {"name": "main", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.text("ab-/.", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "spec",
                    "name",
                    "containers",
                    "labels",
                    "template",
                    "selector",
                    "ports",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    resource=st.sampled_from(kinds.RESOURCES),
    body=st.dictionaries(
        st.sampled_from(["metadata", "spec", "data", "status"]), json_values, max_size=3
    ),
)
def test_no_body_breaks_decoding_defaults_or_rules(resource: Resource, body: KubeObject) -> None:
    assert _outcome(resource, body) in (200, 400, 422)


def _outcome(resource: Resource, body: KubeObject) -> int:
    try:
        result = decode(resource, body)
        check_missing(resource, result)
        obj = result.object
        obj["kind"] = resource.kind
        obj.setdefault("metadata", {}).setdefault("name", "a")
        stored = kinds.stored_as(resource)
        schema.apply_defaults(stored, obj)
        schema.check_create(stored, obj)
    except ApiError as error:
        return error.code
    return 200


def created(resource: Resource, obj: KubeObject) -> KubeObject:
    result = copy_json(obj)
    result.setdefault("kind", resource.kind)
    schema.apply_defaults(resource, result)
    schema.check_create(resource, result)
    return dict(result)


@pytest.mark.parametrize("resource", kinds.RESOURCES, ids=lambda r: f"{r.group}-{r.plural}")
def test_setting_defaults_twice_changes_nothing(resource: Resource) -> None:
    body: KubeObject = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}
    schema.apply_defaults(resource, body)
    once = copy_json(body)
    schema.apply_defaults(resource, body)
    assert body == once


def test_a_pod_gets_the_servers_defaults() -> None:
    made = created(
        kinds.PODS,
        pod(
            ports=[{"containerPort": 80}],
            readinessProbe={"httpGet": {"port": 80}},
            resources={"limits": {"memory": "64Mi"}},
        ),
    )
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert (spec["serviceAccountName"], spec["enableServiceLinks"]) == ("default", True)
    assert len(spec["volumes"]) == 1
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"][0]["protocol"] == "TCP"
    assert container["resources"]["requests"] == {"memory": "64Mi"}
    assert container["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert made["status"] == {"phase": "Pending", "qosClass": "Burstable"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("host:5000/web", "Always"),
        ("host:5000/web:v1", "IfNotPresent"),
        ("web@sha256:abc", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    made = created(kinds.PODS, pod(image=image))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_quality_of_service() -> None:
    def of(**resources: Any) -> str:
        return qos_class({"containers": [{"resources": resources}]})

    full = {"cpu": "1", "memory": "1Gi"}
    assert of() == "BestEffort"
    assert of(limits=full) == "Guaranteed"
    assert of(limits=full, requests=full) == "Guaranteed"
    assert of(limits=full, requests={"cpu": "500m"}) == "Burstable"
    assert of(requests={"memory": "1Gi"}) == "Burstable"


def test_services_secrets_policies_and_namespaces_get_theirs() -> None:
    service = created(
        kinds.SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    )
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    secret = created(kinds.SECRETS, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert (secret["type"], secret["data"], "stringData" in secret) == (
        "Opaque",
        {"a": "Yg=="},
        False,
    )
    policy = created(kinds.NETWORK_POLICIES, {"metadata": {"name": "p"}, "spec": {"egress": [{}]}})
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    namespace = created(kinds.NAMESPACES, {"metadata": {"name": "n"}})
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}


def deployment(**spec: Any) -> KubeObject:
    return {
        "metadata": {"name": "web", "namespace": "n"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]},
            **spec,
        },
    }


def probe(**fields: Any) -> KubeObject:
    return pod(livenessProbe=fields)


@pytest.mark.parametrize(
    ("resource", "body", "field"),
    [
        (kinds.PODS, pod(name="Bad"), "spec.containers[0].name"),
        (kinds.PODS, pod(image=""), "spec.containers[0].image"),
        (kinds.PODS, pod(imagePullPolicy="Ever"), "spec.containers[0].imagePullPolicy"),
        (
            kinds.PODS,
            pod(ports=[{"containerPort": 0}]),
            "spec.containers[0].ports[0].containerPort",
        ),
        (
            kinds.PODS,
            pod(ports=[{"containerPort": 1, "protocol": "X"}]),
            "spec.containers[0].ports[0].protocol",
        ),
        (kinds.PODS, pod(env=[{"value": "x"}]), "spec.containers[0].env[0].name"),
        (
            kinds.PODS,
            pod(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            "spec.containers[0].volumeMounts[0].name",
        ),
        (
            kinds.PODS,
            pod(resources={"limits": {"cpu": "much"}}),
            "spec.containers[0].resources.limits[cpu]",
        ),
        (
            kinds.PODS,
            pod(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1100m"}}),
            "spec.containers[0].resources.requests",
        ),
        (kinds.PODS, probe(periodSeconds=1), "spec.containers[0].livenessProbe"),
        (kinds.PODS, probe(httpGet={}), "spec.containers[0].livenessProbe.httpGet.port"),
        (
            kinds.PODS,
            probe(httpGet={"port": 1}, successThreshold=2),
            "spec.containers[0].livenessProbe.successThreshold",
        ),
        (kinds.DEPLOYMENTS, deployment(selector={}), "spec.selector"),
        (kinds.DEPLOYMENTS, deployment(strategy={"type": "Blue"}), "spec.strategy.type"),
        (
            kinds.DEPLOYMENTS,
            deployment(strategy={"rollingUpdate": {"maxSurge": "x%"}}),
            "spec.strategy.rollingUpdate.maxSurge",
        ),
        (
            kinds.DEPLOYMENTS,
            deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
            "spec.strategy.rollingUpdate.maxUnavailable",
        ),
        (kinds.DEPLOYMENTS, deployment(minReadySeconds=600), "spec.progressDeadlineSeconds"),
        (
            kinds.SERVICES,
            {"metadata": {"name": "1st"}, "spec": {"ports": [{"port": 1}]}},
            "metadata.name",
        ),
        (kinds.SERVICES, {"metadata": {"name": "s"}}, "spec.ports"),
        (
            kinds.SERVICES,
            {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}, {"port": 2}]}},
            "spec.ports[0].name",
        ),
        (kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a b": ""}}, "data[a b]"),
        (kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "x" * 1_100_000}}, "[]"),
        (
            kinds.NETWORK_POLICIES,
            {"metadata": {"name": "p"}, "spec": {"policyTypes": ["Both"]}},
            "spec.policyTypes[0]",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            {"metadata": {"name": "h"}, "spec": {"minReplicas": 3, "maxReplicas": 2}},
            "spec.maxReplicas",
        ),
        (kinds.NAMESPACES, {"metadata": {"name": "a.b"}}, "metadata.name"),
        (kinds.CONFIG_MAPS, {"metadata": {"name": "c" * 254}}, "metadata.name"),
        (kinds.CONFIG_MAPS, {"metadata": {"name": "c", "labels": {"a": "b c"}}}, "metadata.labels"),
        (
            kinds.CONFIG_MAPS,
            {"metadata": {"name": "c", "labels": {"A_b/c": ""}}},
            "metadata.labels",
        ),
        (
            kinds.CONFIG_MAPS,
            {"metadata": {"name": "c", "annotations": {"a": "x" * 300_000}}},
            "metadata.annotations",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_server_refuses_is_refused_with_its_path(
    resource: Resource, body: KubeObject, field: str
) -> None:
    with pytest.raises(ApiError) as caught:
        created(resource, body)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")
    assert field in [cause["field"] for cause in caught.value.details["causes"]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("100m", "0.1"),
        ("1.5", "1.5"),
        ("64Mi", str(64 * 1024**2)),
        ("1Gi", str(1024**3)),
        ("2k", "2000"),
        ("1e3", "1000"),
        ("1E", str(10**18)),
        ("-5", "-5"),
        ("250000000n", "0.25"),
    ],
)
def test_quantities_are_read(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1gi", "Mi", "1.2.3", "1ee3"])
def test_what_is_no_quantity_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        parse_quantity(text)


def updated(resource: Resource, old: KubeObject, new: KubeObject) -> KubeObject:
    result = copy_json(new)
    result["kind"] = resource.kind
    schema.carry_over(resource, result, old)
    schema.apply_defaults(resource, result)
    schema.check_update(resource, result, old)
    return dict(result)


def test_an_update_keeps_what_was_allocated() -> None:
    ports = [{"port": 80}]
    given = {
        "type": "NodePort",
        "clusterIP": "127.0.5.1",
        "ports": [{"port": 80, "nodePort": 30080}],
    }
    old = created(kinds.SERVICES, {"metadata": {"name": "s"}, "spec": given})
    new = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": ports}}
    kept = updated(kinds.SERVICES, old, new)["spec"]
    assert (kept["clusterIP"], kept["ports"][0]["nodePort"]) == ("127.0.5.1", 30080)
    assert kept["externalTrafficPolicy"] == "Cluster"
    outside = {"metadata": {"name": "s"}, "spec": {"type": "ExternalName", "externalName": "x.org"}}
    assert "clusterIP" not in updated(kinds.SERVICES, old, outside)["spec"]
    namespace = created(kinds.NAMESPACES, {"metadata": {"name": "n"}})
    renewed = updated(kinds.NAMESPACES, namespace, {"metadata": {"name": "n"}})
    assert renewed["spec"]["finalizers"] == ["kubernetes"]


def test_a_job_selects_its_own_pods() -> None:
    spec = {"template": {"spec": {**pod()["spec"], "restartPolicy": "Never"}}}
    body = {"metadata": {"name": "j", "uid": "u"}, "spec": spec}
    job = created(kinds.JOBS, body)
    own = {"batch.kubernetes.io/controller-uid": "u"}
    assert job["spec"]["selector"] == {"matchLabels": own}
    assert own.items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert (job["spec"]["completions"], job["spec"]["backoffLimit"]) == (1, 6)
    again = updated(kinds.JOBS, job, body)
    assert again["spec"]["selector"] == job["spec"]["selector"]
    with pytest.raises(ApiError, match='valid values: "OnFailure", "Never"'):
        created(kinds.JOBS, {"metadata": {"name": "j"}, "spec": {"template": pod()}})


def test_the_template_of_a_stateful_set_is_left_unread_as_the_api_server_leaves_it() -> None:
    body = deployment(serviceName="db")
    mount = {"name": "data", "mountPath": "/data"}
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [mount]
    created(kinds.STATEFUL_SETS, body)
    with pytest.raises(ApiError, match='Not found: "data"'):
        created(kinds.DEPLOYMENTS, body)


def changed(body: KubeObject, **spec: Any) -> KubeObject:
    return {**body, "spec": {**body["spec"], **spec}}


def test_what_must_not_change_is_refused() -> None:
    old = created(kinds.STATEFUL_SETS, deployment(serviceName="db"))
    updated(kinds.STATEFUL_SETS, old, changed(old, replicas=3))
    with pytest.raises(ApiError, match="updates to statefulset spec for fields other than"):
        updated(kinds.STATEFUL_SETS, old, changed(old, serviceName="other"))
    old = created(kinds.PODS, pod())
    image = [{**old["spec"]["containers"][0], "image": "web:v2"}]
    updated(kinds.PODS, old, changed(old, containers=image))
    bound = updated(kinds.PODS, old, changed(old, nodeName="local"))
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        updated(kinds.PODS, bound, changed(bound, nodeName="other"))
    config = created(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "immutable": True, "data": {}})
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        updated(kinds.CONFIG_MAPS, config, {**config, "data": {"a": "b"}})


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({}, {"emptyDir": {}}),
        ({"configMap": {"name": "c"}}, {"configMap": {"name": "c", "defaultMode": 420}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
    ],
)
def test_volumes_get_theirs(volume: KubeObject, expected: KubeObject) -> None:
    body = pod()
    body["spec"]["volumes"] = [{"name": "v", **volume}]
    assert created(kinds.PODS, body)["spec"]["volumes"][0] == {"name": "v", **expected}
