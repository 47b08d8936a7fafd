"""Protobuf bodies: what both kubectls' typed commands send, and what nobody should send."""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.api import protobuf
from localcluster.api.protobuf_tables import BODIES, MESSAGES, OTHER_VERSIONS
from localcluster.objects import ApiError, KubeObject, Resource

_CANDIDATES = (Path(sys.executable).parent / "kubectl", Path("/usr/bin/kubectl"))
KUBECTLS = [str(path) for path in _CANDIDATES if path.exists()]
Kubectl = Callable[..., str]


@pytest.fixture(params=KUBECTLS, ids=range(len(KUBECTLS)))
def kubectl(request: pytest.FixtureRequest, served: Any) -> Kubectl:
    def run(line: str, *more: str, code: int = 0) -> str:
        home = str(served.kubeconfig.parent)
        env = {**os.environ, "KUBECONFIG": str(served.kubeconfig), "HOME": home}
        argv = [request.param, *line.split(), *more]
        found = subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=30, check=False
        )
        assert found.returncode == code, found.stderr
        return found.stdout + found.stderr

    return run


def stored(served: Any, resource: Resource, name: str) -> KubeObject:
    namespace = "default" if resource.namespaced else ""
    found: KubeObject = served.do(lambda: served.registry.get(resource, namespace, name))
    return found


def test_kubectl_creates_what_it_sends_as_protobuf(kubectl: Kubectl, served: Any) -> None:
    assert "namespace/n created" in kubectl("create namespace n")
    assert stored(served, kinds.NAMESPACES, "n")["metadata"]["name"] == "n"
    kubectl("create configmap c --from-literal=a=1", "--from-literal=b=two words äß")
    assert stored(served, kinds.CONFIG_MAPS, "c")["data"] == {"a": "1", "b": "two words äß"}
    kubectl("create secret generic s --type=t/t", "--from-literal=key=\x01\xff")
    secret = stored(served, kinds.SECRETS, "s")
    assert secret["type"] == "t/t"
    assert base64.b64decode(secret["data"]["key"]) == "\x01\xff".encode()
    kubectl("create serviceaccount a")
    assert stored(served, kinds.SERVICE_ACCOUNTS, "a")["metadata"]["namespace"] == "default"
    kubectl("create service clusterip web --tcp=80:http --tcp=81:8081")
    ports = stored(served, kinds.SERVICES, "web")["spec"]["ports"]
    assert [(port["port"], port["targetPort"]) for port in ports] == [(80, "http"), (81, 8081)]
    kubectl("create poddisruptionbudget b --selector=app=web --min-available=50%")
    budget = stored(served, kinds.POD_DISRUPTION_BUDGETS, "b")["spec"]
    assert budget == {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}
    told = kubectl("create configmap c --from-literal=a=1", code=1)
    assert "already exists" in told


def test_kubectl_creates_a_deployment(kubectl: Kubectl, served: Any) -> None:
    kubectl("create deployment none --image=web:v1 --replicas=0")
    assert stored(served, kinds.DEPLOYMENTS, "none")["spec"]["replicas"] == 0
    kubectl("create deployment web --image=web:v1 --replicas=3 --port=8080 -- run --fast")
    found = stored(served, kinds.DEPLOYMENTS, "web")
    assert found["spec"]["replicas"] == 3
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert (container["name"], container["image"]) == ("web", "web:v1")
    assert container["command"] == ["run", "--fast"]
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]
    as_json = json.loads(
        kubectl(
            "create deployment web --image=web:v1 --replicas=3 --port=8080 "
            "--dry-run=client -o json -- run --fast"
        )
    )
    for field in ("selector", "replicas"):
        assert found["spec"][field] == as_json["spec"][field]


def test_kubectl_creates_a_job(kubectl: Kubectl, served: Any) -> None:
    kubectl("create job once --image=web:v1 -- run --once")
    template = stored(served, kinds.JOBS, "once")["spec"]["template"]["spec"]
    assert template["restartPolicy"] == "Never"
    assert template["containers"][0]["command"] == ["run", "--once"]
    told = kubectl("create role r --verb=get --resource=pods", code=1)
    assert "the server could not find the requested resource" in told


def test_kubectl_autoscales_in_the_version_that_it_speaks(kubectl: Kubectl, served: Any) -> None:
    kubectl("create deployment web --image=web:v1")
    kubectl("autoscale deployment web --min=2 --max=5 --cpu-percent=70")
    scaled = stored(served, kinds.HORIZONTAL_POD_AUTOSCALERS, "web")["spec"]
    target = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    assert scaled["scaleTargetRef"] == target
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (2, 5)
    assert scaled["metrics"] == [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 70},
            },
        }
    ]


_EVERYTHING = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: full}
spec:
  schedule: "@daily"
  timeZone: Etc/UTC
  jobTemplate:
    metadata: {labels: {a: b}, annotations: {c: d}}
    spec:
      completions: 3
      completionMode: Indexed
      podFailurePolicy:
        rules: [{action: FailJob, onExitCodes: {operator: In, values: [42, 43]}}]
      template:
        metadata: {labels: {app: full}}
        spec:
          restartPolicy: Never
          securityContext: {runAsUser: 1000, supplementalGroups: [1, 2]}
          tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]
          affinity:
            nodeAffinity:
              preferredDuringSchedulingIgnoredDuringExecution:
              - {weight: 1, preference: {matchExpressions: [{key: a, operator: In, values: [b]}]}}
          volumes:
          - {name: files, configMap: {name: cfg, defaultMode: 256, items: [{key: a, path: b}]}}
          - {name: hidden, secret: {secretName: s, optional: true}}
          - {name: space, emptyDir: {sizeLimit: 1Mi}}
          - {name: kept, persistentVolumeClaim: {claimName: c}}
          - {name: both, projected: {sources: [{configMap: {name: cfg}}]}}
          containers:
          - name: main
            image: web:v1
            env:
            - {name: A, value: "1"}
            - {name: B, valueFrom: {configMapKeyRef: {name: cfg, key: a, optional: false}}}
            - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: D, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "0"}}}
            envFrom: [{prefix: P_, secretRef: {name: s}}]
            volumeMounts: [{name: files, mountPath: /files, readOnly: true}]
            resources: {limits: {cpu: "1"}, requests: {memory: 1Mi}}
            livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 5}
            readinessProbe: {exec: {command: ["true"]}, timeoutSeconds: 2}
            startupProbe: {tcpSocket: {port: 80}}
            lifecycle: {preStop: {sleep: {seconds: 1}}}
            securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
            ports: [{name: http, containerPort: 80}]
"""


def test_a_job_from_a_cron_job_has_all_that_its_template_says(
    kubectl: Kubectl, served: Any, tmp_path: Path
) -> None:
    file = tmp_path / "full.yaml"
    file.write_text(_EVERYTHING)
    kubectl(f"create -f {file}")
    kubectl("create job once --from=cronjob/full")
    cron, job = stored(served, kinds.CRON_JOBS, "full"), stored(served, kinds.JOBS, "once")
    template = cron["spec"]["jobTemplate"]
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["metadata"]["annotations"] == {
        "c": "d",
        "cronjob.kubernetes.io/instantiate": "manual",
    }
    assert job["metadata"]["ownerReferences"][0]["uid"] == cron["metadata"]["uid"]
    assert job["spec"]["template"]["spec"] == template["spec"]["template"]["spec"]
    for field in ("completions", "completionMode", "podFailurePolicy"):
        assert job["spec"][field] == template["spec"][field]


def test_kubectl_creates_a_cron_job(kubectl: Kubectl, served: Any) -> None:
    told = kubectl("create cronjob c --image=web:v1", "--schedule=*/5 * * * *", "--", "run")
    assert "cronjob.batch/c created" in told
    spec = stored(served, kinds.CRON_JOBS, "c")["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/5 * * * *", "Allow")
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 1)
    told = kubectl("create cronjob d --image=web:v1", "--schedule=99 * * * *", code=1)
    assert 'spec.schedule: Invalid value: "99 * * * *": end of range (99) above maximum' in told


def test_kubectl_asks_what_it_may_do_and_drains(kubectl: Kubectl, served: Any) -> None:
    assert kubectl("auth can-i delete pods").startswith("yes")
    assert kubectl("auth can-i get /metrics").startswith("yes")

    def pods(*names: str) -> None:
        for name in names:
            meta = {"name": name, "namespace": "default"}
            containers = [{"name": "main", "image": "web:v1"}]
            spec = {"nodeName": "local", "containers": containers}
            served.registry.create(kinds.PODS, {"metadata": meta, "spec": spec})

    served.do(lambda: served.registry.create(kinds.NODES, {"metadata": {"name": "local"}}))
    served.do(lambda: pods("p", "q"))
    told = kubectl("drain local --force --grace-period=0 --timeout=20s")
    assert "node/local drained" in told
    assert stored(served, kinds.NODES, "local")["spec"]["unschedulable"] is True
    assert not served.do(lambda: served.registry.list(kinds.PODS, "default"))
    kubectl("uncordon local")
    served.do(lambda: pods("r"))
    kubectl("drain local --force --disable-eviction --timeout=20s")
    assert not served.do(lambda: served.registry.list(kinds.PODS, "default"))


def field(number: int, value: bytes | int) -> bytes:
    """One field, shorter than 128 bytes."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def body(kind: str, api_version: str, raw: bytes) -> bytes:
    told = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, told) + field(2, raw)


def test_a_pointers_zero_is_kept_and_others_are_dropped() -> None:
    meta = field(1, field(1, b"d") + field(3, b"") + field(8, b""))
    spec = field(2, field(1, 0) + field(5, 0) + field(7, 0) + field(4, b""))
    assert protobuf.decode(body("Deployment", "apps/v1", meta + spec)) == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "d"},
        "spec": {"replicas": 0, "strategy": {}},
    }


@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        (b"{}", 400, "does not begin with k8s"),
        (body("Node", "v1", b""), 415, "does not read Node in version v1 as protobuf"),
        (body("Deployment", "apps/v1beta1", b""), 415, "apps/v1beta1"),
        (body("ConfigMap", "v1", field(9, b"x")), 400, "ConfigMap has a field 9"),
        (body("ConfigMap", "v1", field(1, 7)), 400, "a number where bytes are expected"),
        (body("Deployment", "apps/v1", field(2, field(1, b"x"))), 400, "a number is expected"),
        (body("ConfigMap", "v1", field(1, field(1, b"\xff"))), 400, "not UTF-8"),
        (body("ConfigMap", "v1", b"\x0a\x7fx"), 400, "ends after the message"),
        (body("ConfigMap", "v1", b"\xff" * 12), 400, "does not end"),
        (body("ConfigMap", "v1", b"\x0c"), 400, "ends after the message"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(sent: bytes, code: int, told: str) -> None:
    with pytest.raises(ApiError) as error:
        protobuf.decode(sent)
    assert error.value.code == code
    assert told in error.value.message


def test_a_field_that_says_nothing_need_not_be_known() -> None:
    sent = body("ConfigMap", "v1", field(9, field(1, 0) + field(2, b"")) + field(10, b""))
    assert protobuf.decode(sent) == {"kind": "ConfigMap", "apiVersion": "v1"}


def test_every_message_of_the_tables_is_there() -> None:
    plain = {"", "string", "bytes", "int", "int?", "bool", "bool?", "quantity", "intstr"}
    plain |= {"map", "bytes-map", "quantity-map"}
    used = {
        kind.removeprefix("[]").removeprefix("+")
        for fields in MESSAGES.values()
        for _, kind in fields.values()
    }
    assert used - plain <= set(MESSAGES)
    assert set(MESSAGES) <= used | set(BODIES) | set(OTHER_VERSIONS.values())


@given(
    kind=st.sampled_from(sorted(BODIES)),
    raw=st.binary(max_size=100),
    magic=st.sampled_from([b"k8s\x00", b""]),
)
def test_no_bytes_do_more_than_be_refused(kind: str, raw: bytes, magic: bytes) -> None:
    for sent in (magic + raw, body(kind, BODIES[kind], raw)):
        with contextlib.suppress(ApiError):
            json.dumps(protobuf.decode(sent))


def test_protobuf_comes_through_the_api(in_cluster: Any) -> None:
    async def scenario(cluster: Any) -> None:
        sent = body("ConfigMap", "v1", field(1, field(1, b"c")) + field(2, field(1, b"k")))
        headers = {
            "Content-Type": "application/vnd.kubernetes.protobuf",
            "Accept": "application/vnd.kubernetes.protobuf,application/json",
        }
        path = "/api/v1/namespaces/default/configmaps"
        async with asyncio.timeout(10):
            code, made = await cluster.ask("POST", path, headers=headers, data=sent)
            assert (code, made["data"]) == (201, {"k": ""})
            code, told = await cluster.ask("POST", path, headers=headers, data=b"garbage")
            assert (code, told["reason"]) == (400, "BadRequest")

    in_cluster(scenario)
