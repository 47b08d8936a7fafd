"""How kubectl lets a kind be written, to its API group and resource.

The names are those of `kubectl api-resources` of 1.20 to 1.37.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resource:
    group: str
    name: str
    namespaced: bool = True


_NAMESPACED: Final = {
    "": "pods/pod/po services/service/svc configmaps/configmap/cm secrets/secret"
    " endpoints/endpoint/ep events/event/ev persistentvolumeclaims/persistentvolumeclaim/pvc"
    " serviceaccounts/serviceaccount/sa replicationcontrollers/replicationcontroller/rc"
    " resourcequotas/resourcequota/quota limitranges/limitrange/limits podtemplates/podtemplate",
    "apps": "deployments/deployment/deploy statefulsets/statefulset/sts daemonsets/daemonset/ds"
    " replicasets/replicaset/rs controllerrevisions/controllerrevision",
    "autoscaling": "horizontalpodautoscalers/horizontalpodautoscaler/hpa",
    "batch": "jobs/job cronjobs/cronjob/cj",
    "coordination.k8s.io": "leases/lease",
    "discovery.k8s.io": "endpointslices/endpointslice",
    "networking.k8s.io": "ingresses/ingress/ing networkpolicies/networkpolicy/netpol",
    "policy": "poddisruptionbudgets/poddisruptionbudget/pdb",
    "rbac.authorization.k8s.io": "roles/role rolebindings/rolebinding",
}
_CLUSTER: Final = {
    "": "nodes/node/no namespaces/namespace/ns persistentvolumes/persistentvolume/pv"
    " componentstatuses/componentstatus/cs",
    "admissionregistration.k8s.io": "validatingwebhookconfigurations/validatingwebhookconfiguration"
    " mutatingwebhookconfigurations/mutatingwebhookconfiguration",
    "apiextensions.k8s.io": "customresourcedefinitions/customresourcedefinition/crd/crds",
    "apiregistration.k8s.io": "apiservices/apiservice",
    "certificates.k8s.io": "certificatesigningrequests/certificatesigningrequest/csr",
    "networking.k8s.io": "ingressclasses/ingressclass",
    "resource.k8s.io": "resourceslices/resourceslice",
    "node.k8s.io": "runtimeclasses/runtimeclass",
    "rbac.authorization.k8s.io": "clusterroles/clusterrole clusterrolebindings/clusterrolebinding",
    "scheduling.k8s.io": "priorityclasses/priorityclass/pc",
    "storage.k8s.io": "storageclasses/storageclass/sc",
}
KINDS: Final = {
    name: Resource(group, names.partition("/")[0], namespaced)
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER, False))
    for group, kinds in table.items()
    for names in kinds.split()
    for name in names.split("/")
}
ALL: Final = tuple(
    KINDS[name]
    for name in (
        "pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets",
        "statefulsets", "horizontalpodautoscalers", "jobs", "cronjobs",
    )
)  # fmt: skip
"""What `kubectl get all` lists."""


def resource_of(word: str) -> Resource | None:
    """`deploy`, `deployments.apps`, `certificates.cert-manager.io`; None when nobody can tell.

    A kind that is not built in is taken for the plural that its API uses, in a namespace.
    """
    word = word.lower()
    name, dot, group = word.partition(".")
    if name in KINDS:
        return KINDS[name]
    return Resource(group, name) if dot and group else None
