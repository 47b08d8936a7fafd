"""Admission: a new Service gets its clusterIP."""

from localcluster import kinds
from localcluster.network.addresses import Block
from localcluster.objects import ApiError, KubeObject, Resource


class ClusterIPs:
    """Callable as an admission step. Raises 422 for an address that cannot be had."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def __call__(self, resource: Resource, obj: KubeObject) -> None:
        if resource is not kinds.SERVICES:
            return
        spec = obj.setdefault("spec", {})
        if spec.get("type") == "ExternalName":
            return
        asked = spec.get("clusterIP")
        meta = obj["metadata"]
        owner = (meta.get("namespace", "default"), meta["name"])
        if not asked:
            spec["clusterIP"] = self._block.services.take(owner)
        elif asked not in ("None", self._block.node_address) and not self._block.services.reserve(
            owner, asked
        ):
            raise _taken(meta["name"], asked)
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if asked != "None":
            spec.setdefault("internalTrafficPolicy", "Cluster")


def _taken(name: str, address: str) -> ApiError:
    field = "spec.clusterIPs"
    problem = (
        f'Invalid value: ["{address}"]: failed to allocate IP {address}: it is taken or not in'
        " this cluster's range; leave clusterIP out"
    )
    return ApiError(
        422,
        "Invalid",
        f'Service "{name}" is invalid: {field}: {problem}',
        details={
            "name": name,
            "kind": "Service",
            "causes": [{"reason": "FieldValueInvalid", "message": problem, "field": field}],
        },
    )
