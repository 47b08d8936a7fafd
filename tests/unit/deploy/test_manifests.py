"""The manifests as kubectl renders them, against schemas and promises we did not write."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from payments.settings import from_environment

ROOT = Path(__file__).parents[3]
Objects = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run(
        [str(kubectl), "kustomize", str(ROOT / "deploy" / "overlays" / "local")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def objects(rendered: list[dict[str, Any]]) -> Objects:
    found = {}
    for item in rendered:
        meta = item["metadata"]
        found[item["kind"], meta.get("namespace", ""), meta["name"]] = item
    assert len(found) == len(rendered)
    return found


@pytest.fixture(scope="module")
def catalogue() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "images.yaml").read_text())
    return entries


def workloads(objects: Objects) -> list[dict[str, Any]]:
    return [item for (kind, _, _), item in objects.items() if kind in ("Deployment", "StatefulSet")]


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def services(objects: Objects) -> dict[str, dict[str, Any]]:
    return {
        f"{name}.{namespace}.svc.cluster.local": item
        for (kind, namespace, name), item in objects.items()
        if kind == "Service"
    }


@pytest.mark.parametrize("version", ["1.25", "1.37"])
def test_every_object_is_valid(rendered: list[dict[str, Any]], version: str) -> None:
    for item in rendered:
        kubernetes_validate.validate(item, version, strict=True)


def test_only_api_versions_that_1_20_and_today_share_are_used(
    rendered: list[dict[str, Any]],
) -> None:
    assert {item["apiVersion"] for item in rendered} == {"v1", "apps/v1", "networking.k8s.io/v1"}


def test_the_names_are_those_of_the_runbook(objects: Objects) -> None:
    for wanted in (
        ("Deployment", "production", "payment-service"),
        ("Service", "production", "payment-service"),
        ("Service", "production", "payment-service-metrics"),
        ("ConfigMap", "production", "payment-service-config"),
        ("StatefulSet", "database", "postgresql"),
    ):
        assert wanted in objects
    assert any(k == "NetworkPolicy" and ns == "production" for k, ns, _ in objects)
    payment = objects["Deployment", "production", "payment-service"]["spec"]
    assert payment["template"]["metadata"]["labels"]["app"] == "payment-service"
    assert payment["replicas"] == 3
    database = objects["StatefulSet", "database", "postgresql"]["spec"]
    assert database["template"]["metadata"]["labels"]["app"] == "postgresql"
    metrics = objects["Service", "production", "payment-service-metrics"]["spec"]["ports"]
    assert metrics[0]["port"] == 8080


def test_a_rollout_never_takes_capacity_away(objects: Objects) -> None:
    spec = objects["Deployment", "production", "payment-service"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert (spec["revisionHistoryLimit"], spec["minReadySeconds"]) == (10, 0)


def test_every_container_has_probes_requests_and_limits(objects: Objects) -> None:
    for workload in workloads(objects):
        only = container(workload)
        assert {"readinessProbe", "livenessProbe"} <= set(only), workload["metadata"]["name"]
        for kind in ("requests", "limits"):
            assert set(only["resources"][kind]) == {"cpu", "memory"}


def test_every_workload_is_behind_a_service_that_selects_it(objects: Objects) -> None:
    for workload in workloads(objects):
        meta, template = workload["metadata"], workload["spec"]["template"]
        service = objects["Service", meta["namespace"], meta["name"]]["spec"]
        assert service["selector"].items() <= template["metadata"]["labels"].items()
        names = {port["name"] for port in container(workload)["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= names
        assert workload["spec"]["selector"]["matchLabels"] == service["selector"]


def test_the_configuration_is_one_that_the_service_accepts(objects: Objects) -> None:
    config = objects["ConfigMap", "production", "payment-service-config"]["data"]
    secret = objects["Secret", "production", "payment-service-credentials"]["stringData"]
    only = container(objects["Deployment", "production", "payment-service"])
    fixed = {entry["name"]: entry["value"] for entry in only["env"]}
    settings = from_environment({**config, **secret, **fixed})
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    assert ports == {"http": settings.listen.port, "metrics": settings.listen.metrics_port}
    assert settings.fallback_payments_enabled is False


def test_every_host_in_the_configuration_is_a_service_and_its_port(objects: Objects) -> None:
    known = services(objects)
    config = objects["ConfigMap", "production", "payment-service-config"]["data"]
    urls = {name: value for name, value in config.items() if name.endswith("_URL")}
    assert len(urls) == 5
    for url in urls.values():
        match = re.search(r"([a-z0-9.-]+\.svc\.cluster\.local):(\d+)", url)
        assert match is not None, url
        assert int(match[2]) in [port["port"] for port in known[match[1]]["spec"]["ports"]]


def test_every_referenced_secret_and_config_map_exists(objects: Objects) -> None:
    for workload in workloads(objects):
        namespace, only = workload["metadata"]["namespace"], container(workload)
        for source in only.get("envFrom", []):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    assert (kind, namespace, source[field]["name"]) in objects
        for entry in only.get("env", []):
            if ref := entry.get("valueFrom", {}).get("secretKeyRef"):
                assert ref["key"] in objects["Secret", namespace, ref["name"]]["stringData"]


def test_credentials_agree_on_both_sides(objects: Objects) -> None:
    service = objects["Secret", "production", "payment-service-credentials"]["stringData"]
    gateways = objects["Secret", "gateways", "gateway-credentials"]["stringData"]
    database = objects["Secret", "database", "postgresql-credentials"]["stringData"]
    assert service["DATABASE_PASSWORD"] == database["POSTGRES_PASSWORD"]
    assert gateways == {name: service[name] for name in gateways}


def test_the_base_carries_no_credentials() -> None:
    for path in (ROOT / "deploy" / "base").glob("*.yaml"):
        assert "kind: Secret\n" not in path.read_text()


def test_network_policies_allow_exactly_the_edges_of_the_service(objects: Objects) -> None:
    """An edge needs egress on one side and ingress on the other."""
    policies = [item for (kind, _, _), item in objects.items() if kind == "NetworkPolicy"]
    namespaces = {
        name: item["metadata"]["labels"]
        for (kind, _, name), item in objects.items()
        if kind == "Namespace"
    }
    pods = [
        (w["metadata"]["namespace"], w["spec"]["template"]["metadata"]["labels"], w)
        for w in workloads(objects)
    ]

    def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
        return bool(selector.get("matchLabels", {}).items() <= labels.items())

    def peer_fits(peer: dict[str, Any], home: str, namespace: str, labels: dict[str, str]) -> bool:
        if "namespaceSelector" in peer:
            if not matches(peer["namespaceSelector"], namespaces[namespace]):
                return False
        elif namespace != home:
            return False
        return matches(peer.get("podSelector", {}), labels)

    def allows(kind: str, this: Any, other: Any, port: int) -> bool:
        namespace, labels, _ = this
        rules = [
            rule
            for policy in policies
            if policy["metadata"]["namespace"] == namespace
            and matches(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get(kind, [])
        ]
        side = "from" if kind == "ingress" else "to"
        return any(
            port in [p["port"] for p in rule["ports"]]
            and (
                side not in rule
                or any(peer_fits(peer, namespace, other[0], other[1]) for peer in rule[side])
            )
            for rule in rules
        )

    edges = {
        (a[2]["metadata"]["name"], b[2]["metadata"]["name"])
        for a in pods
        for b in pods
        if a is not b
        for port in [p["containerPort"] for p in container(b[2])["ports"]]
        if allows("egress", a, b, port) and allows("ingress", b, a, port)
    }
    assert edges == {
        ("payment-service", other)
        for other in ("postgresql", "redis", "auth-service", "stripe-gateway", "paypal-gateway")
    }
    for namespace in namespaces:
        deny = objects["NetworkPolicy", namespace, "default-deny"]["spec"]
        assert deny["podSelector"] == {}
        assert set(deny["policyTypes"]) == {"Ingress", "Egress"}


def test_the_pools_of_a_scaled_deployment_fit_into_the_database(objects: Objects) -> None:
    config = objects["ConfigMap", "production", "payment-service-config"]["data"]
    runbook_replicas, surge, for_ordinary_users = 8, 1, 97
    assert (runbook_replicas + surge) * int(config["POOL_SIZE"]) <= for_ordinary_users


def test_the_catalogue_knows_every_image_of_ours(
    objects: Objects, catalogue: list[dict[str, Any]]
) -> None:
    known = {f"{entry['image']}:{entry['tag']}" for entry in catalogue}
    used = {container(workload)["image"] for workload in workloads(objects)}
    assert used - known == {"postgres:18", "valkey/valkey:9.1"}
    # What only faults start.
    assert known - used == {
        "rundrill/payments:1.1.0",
        "rundrill/payments:1.2.0",
        "rundrill/payments:1.3.0",
        "rundrill/greedy-client:1.0.0",
        "rundrill/surge-client:1.0.0",
    }


def test_the_catalogue_starts_modules_that_exist(catalogue: list[dict[str, Any]]) -> None:
    for entry in catalogue:
        python, flag, module = entry["command"]
        assert (python, flag) == ("{python}", "-m")
        assert (ROOT / "src" / Path(*module.split("."))).with_suffix(".py").is_file()


def test_only_the_bad_release_refuses_our_configuration(
    objects: Objects, catalogue: list[dict[str, Any]]
) -> None:
    config = objects["ConfigMap", "production", "payment-service-config"]["data"]
    for entry in catalogue:
        demanded = entry.get("env", {}).get("REQUIRED_SETTINGS", "")
        assert (demanded in config or not demanded) == (entry["tag"] != "1.1.0")
