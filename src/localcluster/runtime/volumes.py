"""A pod's volumes as folders below the pod's own, and where each container finds them."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from localcluster.objects import KubeObject
from localcluster.runtime.environment import ConfigError, bytes_of, field, resource

_MISSING_KEY: Final = {
    "configmap": "configmap references non-existent config key",
    "secret": "references non-existent secret key",
}

# kind ("configmap" or "secret") and name to the object; None when there is none.
FindObject = Callable[[str, str], KubeObject | None]


class MountError(Exception):
    """Shown as a FailedMount event; the kubelet tries again."""

    def __init__(self, volume: str, problem: str) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {problem}')


class Volumes:
    """`claims` is the folder that outlives pods; `rewrite` puts addresses in place of names."""

    def __init__(
        self,
        pod: KubeObject,
        folder: Path,
        *,
        claims: Path,
        token: str,
        find: FindObject,
        rewrite: Callable[[str], str],
    ) -> None:
        self._pod = pod
        self._folder = folder
        self._claims = claims
        self._token = token
        self._find = find
        self._rewrite = rewrite
        self._places: dict[str, Path] = {}
        self._empty = {
            volume["name"] for volume in pod["spec"].get("volumes") or () if "emptyDir" in volume
        }

    def mount(self) -> None:
        """Makes every folder with its files; raises `MountError` or `OSError`."""
        for volume in self._pod["spec"].get("volumes") or ():
            self._places[volume["name"]] = self._place(volume)

    def refresh(self, kind: str, name: str) -> None:
        """A ConfigMap or Secret has changed: its files follow, as the kubelet's sync does."""
        for volume in self._pod["spec"].get("volumes") or ():
            if (kind, name) in set(_sources(volume)):
                # Gone or incomplete: the files stay as they were, as on a real node.
                with contextlib.suppress(MountError, OSError):
                    self._place(volume)

    def refresh_downward(self, pod: KubeObject) -> None:
        """The pod's own labels or annotations have changed."""
        self._pod = pod
        for volume in pod["spec"].get("volumes") or ():
            parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
            if any("downwardAPI" in part for part in parts):
                with contextlib.suppress(MountError, OSError):
                    self._place(volume)

    def mounts(self, container: Mapping[str, Any]) -> dict[str, Path]:
        """Each mountPath of the container and the folder or file that it stands for.

        Called for every run: a `subPath` of a ConfigMap or the like is what it is at that moment,
        as on a real node, where its later changes do not reach a running container either.
        """
        found: dict[str, Path] = {}
        for mount in container.get("volumeMounts") or ():
            place = self._places.get(mount["name"])
            if place is not None:
                if sub := (mount.get("subPath") or "").strip("/"):
                    place = self._sub_path(container["name"], mount["name"], place, sub)
                found[mount["mountPath"].rstrip("/") or "/"] = place
        return found

    def _sub_path(self, container: str, volume: str, place: Path, sub: str) -> Path:
        if ".." in Path(sub).parts:
            raise ConfigError(f"subPath {sub} must not contain '..'")
        inner = place / sub
        if not inner.exists():
            inner.mkdir(parents=True)
        if place != self._folder / volume or volume in self._empty:
            return inner
        copy = self._folder.parent / "subpaths" / container / volume / sub
        copy.parent.mkdir(parents=True, exist_ok=True)
        if inner.is_dir():
            shutil.copytree(inner, copy, dirs_exist_ok=True)
        else:
            shutil.copyfile(inner, copy)
        return copy

    def _place(self, volume: Mapping[str, Any]) -> Path:
        name: str = volume["name"]
        folder: Path = self._folder / name
        if claim := volume.get("persistentVolumeClaim"):
            folder = (
                self._claims / str(self._pod["metadata"]["namespace"]) / str(claim["claimName"])
            )
        elif host := volume.get("hostPath"):
            return Path(host["path"])
        folder.mkdir(parents=True, exist_ok=True)
        if "emptyDir" in volume or "persistentVolumeClaim" in volume:
            return folder
        try:
            files = self._files(volume)
        except ConfigError as error:
            raise MountError(name, str(error)) from None
        for key, content in files.items():
            _write(folder / key, self._addressed(content))
        for stale in set(_names(folder)) - set(files):
            (folder / stale).unlink(missing_ok=True)
        return folder

    def _files(self, volume: Mapping[str, Any]) -> dict[str, bytes]:
        if source := volume.get("configMap"):
            return self._object_files("configmap", source.get("name", ""), source)
        if source := volume.get("secret"):
            return self._object_files("secret", source.get("secretName", ""), source)
        if source := volume.get("downwardAPI"):
            return self._downward(source)
        if source := volume.get("projected"):
            files: dict[str, bytes] = {}
            for part in source.get("sources") or ():
                files.update(self._projected(part))
            return files
        known = [key for key in volume if key != "name"]
        raise ConfigError(f"volumes of type {', '.join(known) or 'unknown'} are not supported here")

    def _projected(self, part: Mapping[str, Any]) -> dict[str, bytes]:
        if source := part.get("configMap"):
            return self._object_files("configmap", source.get("name", ""), source)
        if source := part.get("secret"):
            return self._object_files("secret", source.get("name", ""), source)
        if source := part.get("downwardAPI"):
            return self._downward(source)
        if source := part.get("serviceAccountToken"):
            return {source.get("path", "token"): self._token.encode()}
        return {}

    def _object_files(self, kind: str, name: str, source: Mapping[str, Any]) -> dict[str, bytes]:
        found = self._find(kind, name)
        if found is None:
            if source.get("optional"):
                return {}
            raise ConfigError(f'{kind} "{name}" not found')
        files = bytes_of(found)
        items = source.get("items")
        if not items:
            return files
        chosen: dict[str, bytes] = {}
        for item in items:
            if item["key"] in files:
                chosen[item["path"]] = files[item["key"]]
            elif not source.get("optional"):
                raise ConfigError(f"{_MISSING_KEY[kind]}: {item['key']}")
        return chosen

    def _downward(self, source: Mapping[str, Any]) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for item in source.get("items") or ():
            if reference := item.get("resourceFieldRef"):
                files[item["path"]] = resource(reference, {}, self._pod).encode()
                continue
            path = item.get("fieldRef", {}).get("fieldPath", "")
            if path in ("metadata.labels", "metadata.annotations"):
                values = self._pod["metadata"].get(path.partition(".")[2]) or {}
                text = "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))
            else:
                text = field(path, self._pod)
            files[item["path"]] = text.encode()
        return files

    def _addressed(self, content: bytes) -> bytes:
        try:
            return self._rewrite(content.decode()).encode()
        except UnicodeDecodeError:
            return content


def _sources(volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    for part in parts:
        if source := part.get("configMap"):
            yield "configmap", source.get("name", "")
        if source := part.get("secret"):
            yield "secret", source.get("secretName") or source.get("name", "")


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder))


def _write(path: Path, content: bytes) -> None:
    """At once or not at all: the container may be reading."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(path)
