"""The API with clients we did not write: kubectl and the official Python client, over TLS."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import KubeObject

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg, namespace: default}
data: {key: "1"}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: web:v1
        ports: [{containerPort: 8080, name: http}]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        readinessProbe: {httpGet: {path: /r, port: http}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "pg:18"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default, labels: {x: "1"}}
spec: {nodeName: local, containers: [{name: main, image: "p:v1"}]}
"""

Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(served: Any, tmp_path: Path) -> Kubectl:
    """Runs kubectl; its stdout, and its stderr in the failure when `code` is not its exit code."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed")
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(MANIFEST)

    def run(line: str, *more: str, code: int = 0, stdin: str = "") -> str:
        env = {**os.environ, "KUBECONFIG": str(served.kubeconfig), "HOME": str(tmp_path)}
        argv = [KUBECTL or "", *line.replace("MANIFEST", str(manifest)).split(), *more]
        found = subprocess.run(
            argv, env=env, input=stdin, capture_output=True, text=True, timeout=30, check=False
        )
        assert found.returncode == code, found.stderr
        return found.stdout + found.stderr

    return run


def lines(text: str) -> list[str]:
    """With one blank between words, so that columns can be compared."""
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines()]


def test_kubectl_applies_changes_and_deletes(kubectl: Kubectl, served: Any) -> None:
    assert "deployment.apps/web created" in kubectl("apply -f MANIFEST")
    assert "deployment.apps/web unchanged" in kubectl("apply -f MANIFEST")
    assert "serverside-applied" in kubectl("apply --server-side -f MANIFEST")
    kubectl("set image deployment/web main=web:v2")
    kubectl("set env deployment/web C=3")
    kubectl("scale deployment web --replicas=5")
    kubectl("rollout restart deployment/web")
    kubectl("label deployment web tier=front")
    container = {"name": "main", "env": [{"name": "A", "$patch": "delete"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    kubectl("patch deployment web -p", json.dumps(patch))
    found: Any = served.do(lambda: served.registry.get(kinds.DEPLOYMENTS, "default", "web"))
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], found["spec"]["replicas"]) == ("web:v2", 5)
    assert [entry["name"] for entry in container["env"]] == ["B", "C"]
    assert "kubectl.kubernetes.io/restartedAt" in str(found["spec"]["template"]["metadata"])
    assert found["metadata"]["generation"] == 6
    told = kubectl("patch deployment web --type merge -p", '{"spec":{"replicas":-1}}', code=1)
    assert "must be greater than or equal to 0" in told
    assert 'deployment.apps "web" deleted' in kubectl("delete deployment web")
    assert 'pod "p" deleted' in kubectl("delete pod p")
    assert "not found" in kubectl("get pod p", code=1)


def test_kubectl_shows_tables_and_descriptions(kubectl: Kubectl) -> None:
    kubectl("apply -f MANIFEST")
    text = lines(kubectl("get deploy,sts,svc,cm,netpol,pods"))
    assert "NAME READY UP-TO-DATE AVAILABLE AGE" in text
    assert "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE" in text
    assert any(re.fullmatch(r"pod/p 0/1 Pending 0 \d+s", line) for line in text)
    assert "web:v1 app=web" in lines(kubectl("get deploy -o wide"))[1]
    described = kubectl("describe deployment web")
    assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge" in described
    assert "IP:                       127.0.5.1" in kubectl("describe svc web")
    assert "QoS Class:                   BestEffort" in kubectl("describe pod p")
    assert "No resources found" in kubectl("get events --sort-by=.lastTimestamp")
    assert "DeploymentStrategy" in kubectl("explain deployment.spec.strategy")
    assert kubectl("get pods -l x -o name").strip() == "pod/p"


def test_kubectl_refuses_and_warns_of_unknown_fields(kubectl: Kubectl, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(MANIFEST.replace("replicas:", "replicsa:"))
    assert 'unknown field "spec.replicsa"' in kubectl(f"apply -f {wrong}", code=1)
    assert 'unknown field "spec.replicsa"' in kubectl(f"apply --validate=warn -f {wrong}")


def replica_set(owner: KubeObject, revision: int, image: str) -> KubeObject:
    """As the deployment controller makes one for each revision."""
    meta, template = owner["metadata"], owner["spec"]["template"]
    labels = {"app": "web", "pod-template-hash": f"hash{revision}"}
    container = {**template["spec"]["containers"][0], "image": image}
    return {
        "metadata": {
            "name": f"web-hash{revision}",
            "namespace": "default",
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def test_kubectl_reads_history_and_undoes(kubectl: Kubectl, served: Any) -> None:
    kubectl("apply -f MANIFEST")
    kubectl("set image deployment/web main=web:v2")

    def make_history() -> None:
        owner = served.registry.get(kinds.DEPLOYMENTS, "default", "web")
        for revision, image in ((1, "web:v1"), (2, "web:v2")):
            served.registry.create(kinds.REPLICA_SETS, replica_set(owner, revision, image))
        revision = {"deployment.kubernetes.io/revision": "2"}
        served.registry.modify(
            kinds.DEPLOYMENTS,
            "default",
            "web",
            lambda obj: obj["metadata"]["annotations"].update(revision),
        )

    served.do(make_history)
    history = lines(kubectl("rollout history deployment/web"))
    assert [line.split()[0] for line in history if line[:1].isdigit()] == ["1", "2"]
    kubectl("rollout undo deployment/web")
    found: Any = served.do(lambda: served.registry.get(kinds.DEPLOYMENTS, "default", "web"))
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "web:v1"


def test_kubectl_waits_by_watching(kubectl: Kubectl, served: Any) -> None:
    kubectl("apply -f MANIFEST")
    kubectl("wait --for=jsonpath={.status.phase}=Pending pod/p --timeout=10s")
    told = kubectl("rollout status deployment/web --timeout=1s", code=1)
    assert "Waiting for deployment" in told
    status = {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    served.do(
        lambda: served.registry.modify(
            kinds.DEPLOYMENTS, "default", "web", lambda obj: obj.update(status=status), status=True
        )
    )
    assert "successfully rolled out" in kubectl("rollout status deployment/web --timeout=10s")


def test_kubectl_reaches_into_pods(kubectl: Kubectl, served: Any) -> None:
    kubectl("apply -f MANIFEST")
    assert kubectl("logs p --tail=10") == "first\nsecond\n"
    assert "echo hello" in kubectl("exec p -- echo hello")
    assert kubectl("exec -i p -- cat", stdin="from stdin") == "from stdin"
    assert "exit code 3" in kubectl("exec p -- exit 3", code=3)
    assert "no such command" in kubectl("exec p -- missing", code=1)
    served.runtime.figures[("default", "p")] = {"main": (0.25, 50 << 20)}
    assert "p 250m 50Mi" in lines(kubectl("top pod"))


def make_one_of_each(served: Any) -> None:
    """Of every kind that the manifest does not have."""
    meta = {"name": "x", "namespace": "default"}
    create = served.registry.create
    about = {"kind": "Pod", "name": "p"}
    create(kinds.EVENTS, {"metadata": meta, "involvedObject": about, "message": "m"})
    create(kinds.SECRETS, {"metadata": meta, "stringData": {"a": "b"}})
    create(kinds.SERVICE_ACCOUNTS, {"metadata": meta})
    create(kinds.ENDPOINTS, {"metadata": meta})
    create(kinds.NODES, {"metadata": {"name": "local"}})
    create(kinds.LEASES, {"metadata": meta})
    create(kinds.PERSISTENT_VOLUME_CLAIMS, {"metadata": meta})
    selector = {"matchLabels": {"app": "web"}}
    create(kinds.POD_DISRUPTION_BUDGETS, {"metadata": meta, "spec": {"selector": selector}})
    target = {"kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 3, "scaleTargetRef": target}
    create(kinds.HORIZONTAL_POD_AUTOSCALERS, {"metadata": meta, "spec": spec})
    pod = {"containers": [{"name": "main", "image": "job:v1"}], "restartPolicy": "Never"}
    create(kinds.JOBS, {"metadata": meta, "spec": {"template": {"spec": pod}}})
    job = {"spec": {"template": {"spec": pod}}}
    cron = {"schedule": "@daily", "jobTemplate": job}
    create(kinds.CRON_JOBS, {"metadata": meta, "spec": cron})
    owner = served.registry.get(kinds.DEPLOYMENTS, "default", "web")
    create(kinds.REPLICA_SETS, replica_set(owner, 1, "web:v1"))
    create(kinds.CONTROLLER_REVISIONS, {"metadata": meta, "revision": 1, "data": {}})
    create(kinds.ENDPOINT_SLICES, {"metadata": meta, "addressType": "IPv4", "endpoints": []})


def test_the_official_client_takes_every_object_and_its_calls_work(
    kubectl: Kubectl, served: Any
) -> None:
    kubectl("apply -f MANIFEST")
    served.do(lambda: make_one_of_each(served))
    script = Path(__file__).with_name("official_client.py")
    found = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(served.kubeconfig)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    lists = told.pop("lists")
    assert len(lists) == len(kinds.RESOURCES)
    assert all(lists.values()), lists
    assert told == {
        "replicas": 4,
        "watched": [["ADDED", "p"]],
        "log": "first\nsecond\n",
        "minor": "37",
        "missing": 404,
        "code": 7,
        "stdout": "exit 7\n",
    }
