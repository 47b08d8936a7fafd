"""Field numbers of the messages that kubectl's typed commands send, as data.

The numbers are those of Kubernetes' generated.proto files; the notation is `protobuf_notation`'s.
"""

from collections.abc import Mapping
from typing import Final

from localcluster.api.protobuf_notation import Fields, message
from localcluster.api.protobuf_pods import POD_MESSAGES

MESSAGES: Final[Mapping[str, Fields]] = {
    **POD_MESSAGES,
    "ObjectMeta": message(
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
    "OwnerReference": message(
        kind="1 string",
        name="3 string",
        uid="4 string",
        apiVersion="5 string",
        controller="6 bool?",
        blockOwnerDeletion="7 bool?",
    ),
    "LabelSelector": message(matchLabels="1 map", matchExpressions="2 []LabelSelectorRequirement"),
    "LabelSelectorRequirement": message(key="1 string", operator="2 string", values="3 []string"),
    "Preconditions": message(uid="1 string"),
    "DeleteOptions": message(
        gracePeriodSeconds="1 int?",
        preconditions="2 Preconditions",
        orphanDependents="3 bool?",
        propagationPolicy="4 string",
        dryRun="5 []string",
    ),
    "Namespace": message(metadata="1 ObjectMeta", spec="2 NamespaceSpec", status="3 "),
    "NamespaceSpec": message(finalizers="1 []string"),
    "ConfigMap": message(
        metadata="1 ObjectMeta", data="2 map", binaryData="3 bytes-map", immutable="4 bool?"
    ),
    "Secret": message(
        metadata="1 ObjectMeta",
        data="2 bytes-map",
        type="3 string",
        stringData="4 map",
        immutable="5 bool?",
    ),
    "LocalObjectReference": message(name="1 string"),
    "ServiceAccount": message(
        metadata="1 ObjectMeta",
        imagePullSecrets="3 []LocalObjectReference",
        automountServiceAccountToken="4 bool?",
    ),
    "Service": message(metadata="1 ObjectMeta", spec="2 ServiceSpec", status="3 "),
    "ServiceSpec": message(
        ports="1 []ServicePort",
        selector="2 map",
        clusterIP="3 string",
        type="4 string",
        sessionAffinity="7 string",
        externalName="10 string",
        publishNotReadyAddresses="13 bool",
    ),
    "ServicePort": message(
        name="1 string",
        protocol="2 string",
        port="3 int",
        targetPort="4 intstr",
        nodePort="5 int",
        appProtocol="6 string",
    ),
    "Deployment": message(metadata="1 ObjectMeta", spec="2 DeploymentSpec", status="3 "),
    "DeploymentSpec": message(
        replicas="1 int?",
        selector="2 LabelSelector",
        template="3 PodTemplateSpec",
        strategy="4 DeploymentStrategy",
        minReadySeconds="5 int",
        revisionHistoryLimit="6 int?",
        paused="7 bool",
        progressDeadlineSeconds="9 int?",
    ),
    "DeploymentStrategy": message(type="1 string", rollingUpdate="2 RollingUpdateDeployment"),
    "RollingUpdateDeployment": message(maxUnavailable="1 intstr", maxSurge="2 intstr"),
    "Job": message(metadata="1 ObjectMeta", spec="2 JobSpec", status="3 "),
    "JobSpec": message(
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
        podFailurePolicy="11 PodFailurePolicy",
        backoffLimitPerIndex="12 int?",
        maxFailedIndexes="13 int?",
        podReplacementPolicy="14 string",
        managedBy="15 string",
        successPolicy="16 SuccessPolicy",
    ),
    "PodFailurePolicy": message(rules="1 []PodFailurePolicyRule"),
    "PodFailurePolicyRule": message(
        action="1 string",
        onExitCodes="2 OnExitCodes",
        onPodConditions="3 []OnPodCondition",
    ),
    "OnExitCodes": message(containerName="1 string", operator="2 string", values="3 []int"),
    "OnPodCondition": message(type="1 string", status="2 string"),
    "SuccessPolicy": message(rules="1 []SuccessPolicyRule"),
    "SuccessPolicyRule": message(succeededIndexes="1 string", succeededCount="2 int?"),
    "CronJob": message(metadata="1 ObjectMeta", spec="2 CronJobSpec", status="3 "),
    "CronJobSpec": message(
        schedule="1 string",
        startingDeadlineSeconds="2 int?",
        concurrencyPolicy="3 string",
        suspend="4 bool?",
        jobTemplate="5 JobTemplateSpec",
        successfulJobsHistoryLimit="6 int?",
        failedJobsHistoryLimit="7 int?",
        timeZone="8 string",
    ),
    "JobTemplateSpec": message(metadata="1 ObjectMeta", spec="2 JobSpec"),
    "HorizontalPodAutoscaler": message(
        metadata="1 ObjectMeta", spec="2 HorizontalPodAutoscalerSpec", status="3 "
    ),
    "HorizontalPodAutoscalerSpec": message(
        scaleTargetRef="1 CrossVersionObjectReference",
        minReplicas="2 int?",
        maxReplicas="3 int",
        metrics="4 []MetricSpec",
        behavior="5 HorizontalPodAutoscalerBehavior",
    ),
    "HorizontalPodAutoscalerBehavior": message(
        scaleUp="1 HPAScalingRules", scaleDown="2 HPAScalingRules"
    ),
    "HPAScalingRules": message(
        selectPolicy="1 string",
        policies="2 []HPAScalingPolicy",
        stabilizationWindowSeconds="3 int?",
        tolerance="4 quantity",
    ),
    "HPAScalingPolicy": message(type="1 string", value="2 int?", periodSeconds="3 int?"),
    "HorizontalPodAutoscalerV1": message(
        metadata="1 ObjectMeta", spec="2 HorizontalPodAutoscalerSpecV1", status="3 "
    ),
    "HorizontalPodAutoscalerSpecV1": message(
        scaleTargetRef="1 CrossVersionObjectReference",
        minReplicas="2 int?",
        maxReplicas="3 int",
        targetCPUUtilizationPercentage="4 int?",
    ),
    "CrossVersionObjectReference": message(kind="1 string", name="2 string", apiVersion="3 string"),
    "MetricSpec": message(type="1 string", resource="4 ResourceMetricSource"),
    "ResourceMetricSource": message(name="1 string", target="2 MetricTarget"),
    "MetricTarget": message(
        type="1 string",
        value="2 quantity",
        averageValue="3 quantity",
        averageUtilization="4 int?",
    ),
    "PodDisruptionBudget": message(
        metadata="1 ObjectMeta", spec="2 PodDisruptionBudgetSpec", status="3 "
    ),
    "PodDisruptionBudgetSpec": message(
        minAvailable="1 intstr", selector="2 LabelSelector", maxUnavailable="3 intstr"
    ),
    "Eviction": message(metadata="1 ObjectMeta", deleteOptions="2 DeleteOptions"),
    "SelfSubjectAccessReview": message(
        metadata="1 ObjectMeta", spec="2 SelfSubjectAccessReviewSpec", status="3 "
    ),
    "SelfSubjectAccessReviewSpec": message(
        resourceAttributes="1 ResourceAttributes",
        nonResourceAttributes="2 NonResourceAttributes",
    ),
    "ResourceAttributes": message(
        namespace="1 string",
        verb="2 string",
        group="3 string",
        version="4 string",
        resource="5 string",
        subresource="6 string",
        name="7 string",
    ),
    "NonResourceAttributes": message(path="1 string", verb="2 string"),
}

# The messages that may be a whole body, by the group and version they must be said to be of.
BODIES: Final[Mapping[str, str]] = {
    "ConfigMap": "v1",
    "CronJob": "batch/v1",
    "DeleteOptions": "",  # of whatever group the deleted object has
    "Deployment": "apps/v1",
    "Eviction": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Job": "batch/v1",
    "Namespace": "v1",
    "Pod": "v1",
    "PodDisruptionBudget": "policy/v1",
    "Secret": "v1",
    "SelfSubjectAccessReview": "authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
# Kinds that are read in another version, too, and the messages of that version.
OTHER_VERSIONS: Final[Mapping[tuple[str, str], str]] = {
    ("autoscaling/v1", "HorizontalPodAutoscaler"): "HorizontalPodAutoscalerV1",
}
