"""Empty values that the API server does not keep: Go's `omitempty`. Pure.

Lists and maps go when they are empty. A number, a switch or a text goes when it is zero, unless it
is a pointer in Go: the published document does not tell which are, so those that are none stand
here. A structure stays, however empty: `emptyDir: {}` means something.
"""

from collections.abc import Mapping
from typing import Any, Final

from localcluster.schema.definitions import Schema

_VALUES: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(fields.split())
    for name, fields in {
        "DeploymentSpec": "minReadySeconds paused",
        "DeploymentStrategy": "type",
        "ReplicaSetSpec": "minReadySeconds",
        "StatefulSetSpec": "minReadySeconds podManagementPolicy",
        "CronJobSpec": "concurrencyPolicy",
        "PodSpec": (
            "dnsPolicy hostIPC hostNetwork hostPID hostname nodeName priorityClassName "
            "restartPolicy schedulerName serviceAccount serviceAccountName subdomain"
        ),
        "Container": (
            "image imagePullPolicy stdin stdinOnce terminationMessagePath "
            "terminationMessagePolicy tty workingDir"
        ),
        "ContainerPort": "hostIP hostPort name protocol",
        "EnvVar": "value",
        "VolumeMount": "readOnly subPath subPathExpr",
        "Probe": (
            "failureThreshold initialDelaySeconds periodSeconds successThreshold timeoutSeconds"
        ),
        "HTTPGetAction": "host path scheme",
        "TCPSocketAction": "host",
        "EmptyDirVolumeSource": "medium",
        "SecretVolumeSource": "secretName",
        "PersistentVolumeClaimVolumeSource": "readOnly",
        "Toleration": "effect key operator value",
        "ServiceSpec": (
            "clusterIP externalName externalTrafficPolicy healthCheckNodePort loadBalancerIP "
            "publishNotReadyAddresses sessionAffinity type"
        ),
        "ServicePort": "name nodePort protocol",
        "ObjectMeta": "generateName generation namespace resourceVersion selfLink uid",
    }.items()
}


def is_omitted(value: Any, schema: Schema, owner: str, key: str) -> bool:
    """`owner` is the definition that has the field `key`; `schema` the field's, resolved."""
    if value or value is None:
        return False
    if isinstance(value, list):
        return True
    if isinstance(value, dict):
        return "additionalProperties" in schema
    return key in _VALUES.get(owner.rsplit(".", 1)[-1], ())
