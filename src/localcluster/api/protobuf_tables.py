"""Field numbers of the messages that kubectl's typed commands send, as data.

The numbers are those of Kubernetes' generated.proto files. Each field is `number: (name, type)`,
where a type is

    "string", "bytes"       dropped when empty, as Go's omitempty does
    "int", "bool"           dropped when zero or false
    "int?", "bool?"         a pointer in Go: kept as it is
    "quantity", "intstr"    resource.Quantity and IntOrString
    "map", "bytes-map"      a map from string to string, or to bytes
    "quantity-map"          a map from string to resource.Quantity
    ""                      not read: what only servers set
    a message's name        in MESSAGES; with "[]" before it, a list of them ("[]string" too)
"""

from collections.abc import Mapping
from typing import Final

Fields = Mapping[int, tuple[str, str]]


def _message(**fields: str) -> Fields:
    """`name="1 string"` for each field; a name that Python keeps for itself ends with `_`."""
    found = {}
    for name, told in fields.items():
        number, _, kind = told.partition(" ")
        found[int(number)] = (name.rstrip("_"), kind)
    return found


MESSAGES: Final[Mapping[str, Fields]] = {
    "ObjectMeta": _message(
        name="1 string",
        generateName="2 string",
        namespace="3 string",
        selfLink="4 ",
        uid="5 string",
        resourceVersion="6 string",
        generation="7 ",
        creationTimestamp="8 ",
        deletionTimestamp="9 ",
        deletionGracePeriodSeconds="10 ",
        labels="11 map",
        annotations="12 map",
        ownerReferences="13 []OwnerReference",
        finalizers="14 []string",
        managedFields="17 ",
    ),
    "OwnerReference": _message(
        kind="1 string",
        name="3 string",
        uid="4 string",
        apiVersion="5 string",
        controller="6 bool?",
        blockOwnerDeletion="7 bool?",
    ),
    "LabelSelector": _message(matchLabels="1 map", matchExpressions="2 []LabelSelectorRequirement"),
    "LabelSelectorRequirement": _message(key="1 string", operator="2 string", values="3 []string"),
    "Preconditions": _message(uid="1 string"),
    "DeleteOptions": _message(
        gracePeriodSeconds="1 int?",
        preconditions="2 Preconditions",
        orphanDependents="3 bool?",
        propagationPolicy="4 string",
        dryRun="5 []string",
    ),
    "Namespace": _message(metadata="1 ObjectMeta", spec="2 NamespaceSpec", status="3 "),
    "NamespaceSpec": _message(finalizers="1 []string"),
    "ConfigMap": _message(
        metadata="1 ObjectMeta", data="2 map", binaryData="3 bytes-map", immutable="4 bool?"
    ),
    "Secret": _message(
        metadata="1 ObjectMeta",
        data="2 bytes-map",
        type="3 string",
        stringData="4 map",
        immutable="5 bool?",
    ),
    "LocalObjectReference": _message(name="1 string"),
    "ServiceAccount": _message(
        metadata="1 ObjectMeta",
        imagePullSecrets="3 []LocalObjectReference",
        automountServiceAccountToken="4 bool?",
    ),
    "Service": _message(metadata="1 ObjectMeta", spec="2 ServiceSpec", status="3 "),
    "ServiceSpec": _message(
        ports="1 []ServicePort",
        selector="2 map",
        clusterIP="3 string",
        type="4 string",
        sessionAffinity="7 string",
        externalName="10 string",
        publishNotReadyAddresses="13 bool",
    ),
    "ServicePort": _message(
        name="1 string",
        protocol="2 string",
        port="3 int",
        targetPort="4 intstr",
        nodePort="5 int",
        appProtocol="6 string",
    ),
    "Deployment": _message(metadata="1 ObjectMeta", spec="2 DeploymentSpec", status="3 "),
    "DeploymentSpec": _message(
        replicas="1 int?",
        selector="2 LabelSelector",
        template="3 PodTemplateSpec",
        strategy="4 DeploymentStrategy",
        minReadySeconds="5 int",
        revisionHistoryLimit="6 int?",
        paused="7 bool",
        progressDeadlineSeconds="9 int?",
    ),
    "DeploymentStrategy": _message(type="1 string", rollingUpdate="2 RollingUpdateDeployment"),
    "RollingUpdateDeployment": _message(maxUnavailable="1 intstr", maxSurge="2 intstr"),
    "PodTemplateSpec": _message(metadata="1 ObjectMeta", spec="2 PodSpec"),
    "PodSpec": _message(
        containers="2 []Container",
        restartPolicy="3 string",
        terminationGracePeriodSeconds="4 int?",
        activeDeadlineSeconds="5 int?",
        dnsPolicy="6 string",
        nodeSelector="7 map",
        serviceAccountName="8 string",
        serviceAccount="9 string",
        nodeName="10 string",
        hostNetwork="11 bool",
        imagePullSecrets="15 []LocalObjectReference",
        hostname="16 string",
        subdomain="17 string",
        schedulerName="19 string",
        initContainers="20 []Container",
        automountServiceAccountToken="21 bool?",
    ),
    "Container": _message(
        name="1 string",
        image="2 string",
        command="3 []string",
        args="4 []string",
        workingDir="5 string",
        ports="6 []ContainerPort",
        resources="8 ResourceRequirements",
        terminationMessagePath="13 string",
        imagePullPolicy="14 string",
        stdin="16 bool",
        stdinOnce="17 bool",
        tty="18 bool",
        terminationMessagePolicy="20 string",
    ),
    "ContainerPort": _message(
        name="1 string",
        hostPort="2 int",
        containerPort="3 int",
        protocol="4 string",
        hostIP="5 string",
    ),
    "ResourceRequirements": _message(limits="1 quantity-map", requests="2 quantity-map"),
    "Job": _message(metadata="1 ObjectMeta", spec="2 JobSpec", status="3 "),
    "JobSpec": _message(
        parallelism="1 int?",
        completions="2 int?",
        activeDeadlineSeconds="3 int?",
        selector="4 LabelSelector",
        manualSelector="5 bool?",
        template="6 PodTemplateSpec",
        backoffLimit="7 int?",
        ttlSecondsAfterFinished="8 int?",
        completionMode="9 string",
        suspend="10 bool?",
    ),
    "HorizontalPodAutoscaler": _message(
        metadata="1 ObjectMeta", spec="2 HorizontalPodAutoscalerSpec", status="3 "
    ),
    "HorizontalPodAutoscalerSpec": _message(
        scaleTargetRef="1 CrossVersionObjectReference",
        minReplicas="2 int?",
        maxReplicas="3 int",
        metrics="4 []MetricSpec",
    ),
    "CrossVersionObjectReference": _message(
        kind="1 string", name="2 string", apiVersion="3 string"
    ),
    "MetricSpec": _message(type="1 string", resource="4 ResourceMetricSource"),
    "ResourceMetricSource": _message(name="1 string", target="2 MetricTarget"),
    "MetricTarget": _message(
        type="1 string",
        value="2 quantity",
        averageValue="3 quantity",
        averageUtilization="4 int?",
    ),
    "PodDisruptionBudget": _message(
        metadata="1 ObjectMeta", spec="2 PodDisruptionBudgetSpec", status="3 "
    ),
    "PodDisruptionBudgetSpec": _message(
        minAvailable="1 intstr", selector="2 LabelSelector", maxUnavailable="3 intstr"
    ),
    "Eviction": _message(metadata="1 ObjectMeta", deleteOptions="2 DeleteOptions"),
    "SelfSubjectAccessReview": _message(
        metadata="1 ObjectMeta", spec="2 SelfSubjectAccessReviewSpec", status="3 "
    ),
    "SelfSubjectAccessReviewSpec": _message(
        resourceAttributes="1 ResourceAttributes",
        nonResourceAttributes="2 NonResourceAttributes",
    ),
    "ResourceAttributes": _message(
        namespace="1 string",
        verb="2 string",
        group="3 string",
        version="4 string",
        resource="5 string",
        subresource="6 string",
        name="7 string",
    ),
    "NonResourceAttributes": _message(path="1 string", verb="2 string"),
}

# The messages that may be a whole body, by the group and version they must be said to be of.
BODIES: Final[Mapping[str, str]] = {
    "ConfigMap": "v1",
    "DeleteOptions": "",  # of whatever group the deleted object has
    "Deployment": "apps/v1",
    "Eviction": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Job": "batch/v1",
    "Namespace": "v1",
    "PodDisruptionBudget": "policy/v1",
    "Secret": "v1",
    "SelfSubjectAccessReview": "authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
