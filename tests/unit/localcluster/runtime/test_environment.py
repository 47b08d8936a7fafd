"""A container's environment as the kubelet makes it."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localcluster.runtime.environment import (
    ConfigError,
    container_env,
    expand,
    service_links,
    texts_of,
)
from localcluster.runtime.paths import relocate

POD: dict[str, Any] = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u1",
        "labels": {"app.kubernetes.io/name": "web"},
    },
    "spec": {"nodeName": "node", "containers": []},
    "status": {"podIP": "127.9.1.1", "hostIP": "127.9.0.1"},
}
SECRET = {"kind": "Secret", "data": {"password": base64.b64encode(b"s3cret").decode()}}
SOURCES: dict[tuple[str, str], Any] = {
    ("configmap", "conf"): {"kind": "ConfigMap", "data": {"LEVEL": "info", "MODE": "fast"}},
    ("secret", "keys"): SECRET,
}


def _lookup(kind: str, name: str) -> Mapping[str, str] | None:
    return texts_of(SOURCES.get((kind, name)))


def _env(**container: Any) -> dict[str, str]:
    return container_env({"name": "app", **container}, POD, _lookup, {})


def test_later_sources_win_and_values_refer_to_earlier_ones() -> None:
    env = _env(
        envFrom=[
            {"configMapRef": {"name": "conf"}},
            {"prefix": "K_", "secretRef": {"name": "keys"}},
        ],
        env=[
            {"name": "LEVEL", "value": "debug"},
            {"name": "BOTH", "value": "$(LEVEL)-$(MODE)-$(NONE)-$$(MODE)"},
        ],
    )
    assert env == {
        "LEVEL": "debug",
        "MODE": "fast",
        "K_password": "s3cret",
        "BOTH": "debug-fast-$(NONE)-$(MODE)",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-0"),
        ("metadata.labels['app.kubernetes.io/name']", "web"),
        ("status.podIP", "127.9.1.1"),
        ("status.hostIP", "127.9.0.1"),
        ("spec.nodeName", "node"),
    ],
)
def test_the_downward_api_gives_the_pods_fields(path: str, value: str) -> None:
    source = {"fieldRef": {"fieldPath": path}}
    assert _env(env=[{"name": "X", "valueFrom": source}])["X"] == value


def test_resources_are_divided_and_rounded_up() -> None:
    limits = {"limits": {"memory": "65Mi", "cpu": "250m"}}
    memory = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "10Mi"}}
    cpu = {"resourceFieldRef": {"resource": "limits.cpu"}}
    env = _env(
        resources=limits,
        env=[{"name": "M", "valueFrom": memory}, {"name": "C", "valueFrom": cpu}],
    )
    assert env == {"M": "7", "C": "1"}


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "no"}}}]},
            "couldn't find key no in Secret shop/keys",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.magic"}}}]},
            "unsupported fieldPath: status.magic",
        ),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace("'", ".")):
        _env(**container)


def test_what_is_optional_may_be_missing() -> None:
    key = {"name": "conf", "key": "none", "optional": True}
    assert (
        _env(
            envFrom=[{"secretRef": {"name": "none", "optional": True}}],
            env=[{"name": "X", "valueFrom": {"configMapKeyRef": key}}],
        )
        == {}
    )


def test_services_are_linked_by_name_and_port() -> None:
    services = [
        {
            "metadata": {"name": "my-db"},
            "spec": {"clusterIP": "127.9.64.1", "ports": [{"name": "sql", "port": 5432}]},
        },
        {"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}},
    ]
    assert service_links(services, lambda _: "127.9.128.7") == {
        "MY_DB_SERVICE_HOST": "127.9.128.7",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_PORT": "tcp://127.9.128.7:5432",
    }


def test_unknown_names_and_dollars_survive_expansion() -> None:
    assert expand("$(A) $(B) $$(A) $A", {"A": "1"}) == "1 $(B) $(A) $A"


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/etc/app", "/real"),
        ("--config=/etc/app/a.yaml", "--config=/real/a.yaml"),
        ("/etc/application", "/etc/application"),
        ("/srv/etc/app", "/srv/etc/app"),
        ("/etc/app/keys/k", "/keys/k"),
        ("a:/etc/app:b", "a:/real:b"),
    ],
)
def test_mount_paths_become_the_folders_they_stand_for(text: str, moved: str) -> None:
    mounts = {"/etc/app": Path("/real"), "/etc/app/keys": Path("/keys")}
    assert relocate(text, mounts) == moved


def test_expansion_has_no_surprise_for_plain_text() -> None:
    assert expand("plain", {}) == "plain"
