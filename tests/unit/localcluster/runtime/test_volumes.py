"""Volumes as folders."""

import base64
from pathlib import Path
from typing import Any

import pytest

from localcluster.runtime.volumes import MountError, Volumes


@pytest.fixture
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        ("configmap", "conf"): {"kind": "ConfigMap", "data": {"a.txt": "host NAME", "b.txt": "b"}},
        ("secret", "keys"): {
            "kind": "Secret",
            "data": {"key": base64.b64encode(b"\xff\x00").decode()},
        },
    }


def _volumes(tmp_path: Path, objects: Any, *volumes: Any) -> Volumes:
    pod = {
        "metadata": {"name": "web-0", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
        "spec": {"volumes": list(volumes), "containers": []},
    }
    return Volumes(
        pod,
        tmp_path / "pod",
        claims=tmp_path / "claims",
        token="t0ken",
        find=lambda kind, name: objects.get((kind, name)),
        rewrite=lambda text: text.replace("NAME", "127.9.128.1"),
    )


def _mount(volumes: Volumes, name: str, **more: Any) -> Path:
    volumes.mount()
    return volumes.mounts(
        {"name": "c", "volumeMounts": [{"name": name, "mountPath": "/m", **more}]}
    )["/m"]


def test_a_config_map_is_a_folder_of_files_with_addresses_for_names(
    tmp_path: Path, objects: Any
) -> None:
    folder = _mount(_volumes(tmp_path, objects, {"name": "v", "configMap": {"name": "conf"}}), "v")
    assert (folder / "a.txt").read_text() == "host 127.9.128.1"
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt"]


def test_bytes_of_a_secret_stay_bytes(tmp_path: Path, objects: Any) -> None:
    folder = _mount(
        _volumes(tmp_path, objects, {"name": "v", "secret": {"secretName": "keys"}}), "v"
    )
    assert (folder / "key").read_bytes() == b"\xff\x00"


def test_items_choose_and_rename(tmp_path: Path, objects: Any) -> None:
    source = {"name": "conf", "items": [{"key": "b.txt", "path": "sub/c"}]}
    folder = _mount(_volumes(tmp_path, objects, {"name": "v", "configMap": source}), "v")
    assert (folder / "sub" / "c").read_text() == "b"
    assert not (folder / "a.txt").exists()


def test_a_sub_path_is_one_file_of_the_volume(tmp_path: Path, objects: Any) -> None:
    volumes = _volumes(tmp_path, objects, {"name": "v", "configMap": {"name": "conf"}})
    assert _mount(volumes, "v", subPath="b.txt").read_text() == "b"


def test_a_change_reaches_the_files_and_removes_what_went(tmp_path: Path, objects: Any) -> None:
    volumes = _volumes(tmp_path, objects, {"name": "v", "configMap": {"name": "conf"}})
    folder = _mount(volumes, "v")
    objects[("configmap", "conf")] = {"kind": "ConfigMap", "data": {"a.txt": "new"}}
    volumes.refresh("configmap", "other")
    assert (folder / "a.txt").read_text() == "host 127.9.128.1"
    volumes.refresh("configmap", "conf")
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "new"


def test_a_projected_volume_joins_its_sources(tmp_path: Path, objects: Any) -> None:
    sources = [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "conf", "items": [{"key": "b.txt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    folder = _mount(
        _volumes(tmp_path, objects, {"name": "v", "projected": {"sources": sources}}), "v"
    )
    found = {path.name: path.read_text() for path in folder.iterdir()}
    assert found == {"token": "t0ken", "ca.crt": "b", "ns": "shop"}


def test_a_claim_is_the_same_folder_for_every_pod(tmp_path: Path, objects: Any) -> None:
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    folder = _mount(_volumes(tmp_path, objects, claim), "v")
    assert folder == tmp_path / "claims" / "shop" / "data-db-0"


@pytest.mark.parametrize(
    ("volume", "problem"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        (
            {"configMap": {"name": "conf", "items": [{"key": "no", "path": "x"}]}},
            "configmap references non-existent config key: no",
        ),
        ({"nfs": {}}, "volumes of type nfs are not supported here"),
    ],
)
def test_what_cannot_be_mounted_is_said_as_the_kubelet_says_it(
    tmp_path: Path, objects: Any, volume: dict[str, Any], problem: str
) -> None:
    with pytest.raises(MountError) as error:
        _volumes(tmp_path, objects, {"name": "v", **volume}).mount()
    assert str(error.value) == f'MountVolume.SetUp failed for volume "v" : {problem}'
