"""What exec, logs and proxy ask of a pod before they turn to its processes."""

from localcluster import kinds
from localcluster.api.context import Api, Target
from localcluster.objects import KubeObject
from localcluster.schema.pod_defaults import containers_of
from localcluster.status import bad_request


def pod_of(api: Api, target: Target) -> KubeObject:

    return api.registry.get(kinds.PODS, target.key_namespace, target.name)


def chosen_container(pod: KubeObject, asked: str) -> str:
    """The container asked for, or the only one; 400 when there is none or no telling which."""
    name = pod["metadata"]["name"]
    spec = pod.get("spec", {})
    names = [container["name"] for container in containers_of(spec)]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    main = [container["name"] for container in spec.get("containers") or ()]
    default = (pod["metadata"].get("annotations") or {}).get(
        "kubectl.kubernetes.io/default-container"
    )
    if default in main:
        return str(default)
    if len(main) == 1:
        return str(main[0])
    raise bad_request(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    )
