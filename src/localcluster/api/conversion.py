"""Objects that are served in two forms and stored in one. Pure."""

from localcluster import kinds
from localcluster.api import autoscaling_v1, events_v1
from localcluster.objects import KubeObject, Resource


def shown(resource: Resource, obj: KubeObject) -> KubeObject:
    """A stored object as the asked-for resource shows it."""
    if resource is kinds.HORIZONTAL_POD_AUTOSCALERS_V1:
        return autoscaling_v1.to_v1(obj)
    return events_v1.shown(resource, obj)


def stored(resource: Resource, obj: KubeObject) -> KubeObject:
    """An object of the asked-for resource as it is stored."""
    if resource is kinds.HORIZONTAL_POD_AUTOSCALERS_V1:
        return autoscaling_v1.from_v1(obj)
    return events_v1.stored(resource, obj)
