"""What a set of manifests or a cluster holds, as far as commands name it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rundrill.runbook.wordset import word_set

KINDS: Final[Mapping[str, str]] = {
    name: kind
    for kind, names in {
        "Pod": "pod pods po",
        "Deployment": "deployment deployments deploy",
        "StatefulSet": "statefulset statefulsets sts",
        "DaemonSet": "daemonset daemonsets ds",
        "ReplicaSet": "replicaset replicasets rs",
        "Job": "job jobs",
        "CronJob": "cronjob cronjobs cj",
        "Service": "service services svc",
        "ConfigMap": "configmap configmaps cm",
        "Secret": "secret secrets",
        "Ingress": "ingress ingresses ing",
        "NetworkPolicy": "networkpolicy networkpolicies netpol",
        "PersistentVolumeClaim": "persistentvolumeclaim persistentvolumeclaims pvc",
        "ServiceAccount": "serviceaccount serviceaccounts sa",
        "HorizontalPodAutoscaler": "horizontalpodautoscaler horizontalpodautoscalers hpa",
        "PodDisruptionBudget": "poddisruptionbudget poddisruptionbudgets pdb",
        "Namespace": "namespace namespaces ns",
    }.items()
    for name in names.split()
}
"""How kubectl lets a kind be written, to the kind; only those whose absence means something."""
WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet")
ALWAYS: Final = word_set("default kube-system kube-public kube-node-lease")
"""Namespaces that every cluster has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One object. Of a workload `pod_labels` are its pods', `containers` theirs."""

    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`source` names where it was read. `kinds` are those it can speak for; None is all.

    `live` says that it is a cluster, which holds the pods themselves and not only what makes them.
    """

    source: str
    objects: tuple[Resource, ...]
    live: bool = False
    kinds: frozenset[str] | None = None

    def knows(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds

    @property
    def namespaces(self) -> frozenset[str]:
        declared = {one.name for one in self.objects if one.kind == "Namespace"}
        used = {one.namespace for one in self.objects if one.namespace}
        return frozenset(declared | used)

    def of(self, kind: str, namespace: str | None = None) -> Iterable[Resource]:
        """Those of a kind; `namespace` None is everywhere."""
        return (
            one for one in self.objects if one.kind == kind and namespace in (None, one.namespace)
        )

    def pods_with(self, labels: Mapping[str, str], namespace: str | None) -> list[Resource]:
        """The pods, or the workloads whose pods, have all of these labels."""
        kinds = ("Pod",) if self.live else ("Pod", *WORKLOADS)
        return [
            one
            for kind in kinds
            for one in self.of(kind, namespace)
            if labels.items() <= (one.labels if kind == "Pod" else one.pod_labels).items()
        ]

    def has_pod(self, name: str, namespace: str) -> bool:
        """By its own name, or as the nth of a StatefulSet."""
        if any(one.name == name for one in self.of("Pod", namespace)):
            return True
        owner, dash, number = name.rpartition("-")
        return (
            bool(dash)
            and number.isdigit()
            and any(
                one.name == owner and int(number) < (1 if one.replicas is None else one.replicas)
                for one in self.of("StatefulSet", namespace)
            )
        )
