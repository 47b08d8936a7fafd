"""Field numbers of the messages of a pod's specification, which kubectl's typed commands copy from
one object to another (`create job --from`). Data, in the notation of `protobuf_tables`.

The volumes of single vendors are left out: a body that has one is refused.
"""

from collections.abc import Mapping
from typing import Final

from localcluster.api.protobuf_notation import Fields, message

POD_MESSAGES: Final[Mapping[str, Fields]] = {
    "Pod": message(metadata="1 ObjectMeta", spec="2 PodSpec", status="3 "),
    "PodTemplateSpec": message(metadata="1 ObjectMeta", spec="2 PodSpec"),
    "PodSpec": message(
        volumes="1 []Volume",
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
        hostPID="12 bool",
        hostIPC="13 bool",
        securityContext="14 PodSecurityContext",
        imagePullSecrets="15 []LocalObjectReference",
        hostname="16 string",
        subdomain="17 string",
        affinity="18 Affinity",
        schedulerName="19 string",
        initContainers="20 []Container",
        automountServiceAccountToken="21 bool?",
        tolerations="22 []Toleration",
        hostAliases="23 []HostAlias",
        priorityClassName="24 string",
        priority="25 int?",
        dnsConfig="26 PodDNSConfig",
        shareProcessNamespace="27 bool?",
        readinessGates="28 []PodReadinessGate",
        runtimeClassName="29 string",
        enableServiceLinks="30 bool?",
        preemptionPolicy="31 string",
        topologySpreadConstraints="33 []TopologySpreadConstraint",
        setHostnameAsFQDN="35 bool?",
        hostUsers="37 bool?",
        resources="40 ResourceRequirements",
    ),
    "Container": message(
        name="1 string",
        image="2 string",
        command="3 []string",
        args="4 []string",
        workingDir="5 string",
        ports="6 []ContainerPort",
        env="7 []EnvVar",
        resources="8 ResourceRequirements",
        volumeMounts="9 []VolumeMount",
        livenessProbe="10 Probe",
        readinessProbe="11 Probe",
        lifecycle="12 Lifecycle",
        terminationMessagePath="13 string",
        imagePullPolicy="14 string",
        securityContext="15 SecurityContext",
        stdin="16 bool",
        stdinOnce="17 bool",
        tty="18 bool",
        envFrom="19 []EnvFromSource",
        terminationMessagePolicy="20 string",
        startupProbe="22 Probe",
        restartPolicy="24 string",
    ),
    "ContainerPort": message(
        name="1 string",
        hostPort="2 int",
        containerPort="3 int",
        protocol="4 string",
        hostIP="5 string",
    ),
    "ResourceRequirements": message(limits="1 quantity-map", requests="2 quantity-map"),
    # Environment
    "EnvVar": message(name="1 string", value="2 string", valueFrom="3 EnvVarSource"),
    "EnvVarSource": message(
        fieldRef="1 ObjectFieldSelector",
        resourceFieldRef="2 ResourceFieldSelector",
        configMapKeyRef="3 KeySelector",
        secretKeyRef="4 KeySelector",
    ),
    "ObjectFieldSelector": message(apiVersion="1 string", fieldPath="2 string"),
    "ResourceFieldSelector": message(
        containerName="1 string", resource="2 string", divisor="3 quantity"
    ),
    # ConfigMapKeySelector and SecretKeySelector are alike, and so are the others of both.
    "KeySelector": message(inline="1 +LocalObjectReference", key="2 string", optional="3 bool?"),
    "EnvFromSource": message(
        prefix="1 string", configMapRef="2 EnvSource", secretRef="3 EnvSource"
    ),
    "EnvSource": message(inline="1 +LocalObjectReference", optional="2 bool?"),
    # Volumes
    "VolumeMount": message(
        name="1 string",
        readOnly="2 bool",
        mountPath="3 string",
        subPath="4 string",
        mountPropagation="5 string",
        subPathExpr="6 string",
        recursiveReadOnly="7 string",
    ),
    "Volume": message(name="1 string", inline="2 +VolumeSource"),
    "VolumeSource": message(
        hostPath="1 HostPathVolumeSource",
        emptyDir="2 EmptyDirVolumeSource",
        secret="6 SecretVolumeSource",  # noqa: S106 - a message, no password
        persistentVolumeClaim="10 PersistentVolumeClaimVolumeSource",
        downwardAPI="16 DownwardAPIVolumeSource",
        configMap="19 ConfigMapVolumeSource",
        projected="26 ProjectedVolumeSource",
    ),
    "HostPathVolumeSource": message(path="1 string", type="2 string"),
    "EmptyDirVolumeSource": message(medium="1 string", sizeLimit="2 quantity"),
    "SecretVolumeSource": message(
        secretName="1 string", items="2 []KeyToPath", defaultMode="3 int?", optional="4 bool?"
    ),
    "ConfigMapVolumeSource": message(
        inline="1 +LocalObjectReference",
        items="2 []KeyToPath",
        defaultMode="3 int?",
        optional="4 bool?",
    ),
    "KeyToPath": message(key="1 string", path="2 string", mode="3 int?"),
    "PersistentVolumeClaimVolumeSource": message(claimName="1 string", readOnly="2 bool"),
    "DownwardAPIVolumeSource": message(items="1 []DownwardAPIVolumeFile", defaultMode="2 int?"),
    "DownwardAPIVolumeFile": message(
        path="1 string",
        fieldRef="2 ObjectFieldSelector",
        resourceFieldRef="3 ResourceFieldSelector",
        mode="4 int?",
    ),
    "ProjectedVolumeSource": message(sources="1 []VolumeProjection", defaultMode="2 int?"),
    "VolumeProjection": message(
        secret="1 FileProjection",  # noqa: S106 - a message, no password
        downwardAPI="2 DownwardAPIProjection",
        configMap="3 FileProjection",
        serviceAccountToken="4 ServiceAccountTokenProjection",
    ),
    "FileProjection": message(
        inline="1 +LocalObjectReference", items="2 []KeyToPath", optional="4 bool?"
    ),
    "DownwardAPIProjection": message(items="1 []DownwardAPIVolumeFile"),
    "ServiceAccountTokenProjection": message(
        audience="1 string", expirationSeconds="2 int?", path="3 string"
    ),
    # Probes and hooks
    "Probe": message(
        inline="1 +Handler",
        initialDelaySeconds="2 int",
        timeoutSeconds="3 int",
        periodSeconds="4 int",
        successThreshold="5 int",
        failureThreshold="6 int",
        terminationGracePeriodSeconds="7 int?",
    ),
    "Handler": message(
        exec_="1 ExecAction",
        httpGet="2 HTTPGetAction",
        tcpSocket="3 TCPSocketAction",
        grpc="4 GRPCAction",
    ),
    "Lifecycle": message(postStart="1 LifecycleHandler", preStop="2 LifecycleHandler"),
    "LifecycleHandler": message(
        exec_="1 ExecAction",
        httpGet="2 HTTPGetAction",
        tcpSocket="3 TCPSocketAction",
        sleep="4 SleepAction",
    ),
    "ExecAction": message(command="1 []string"),
    "HTTPGetAction": message(
        path="1 string",
        port="2 intstr",
        host="3 string",
        scheme="4 string",
        httpHeaders="5 []NameAndValue",
    ),
    "NameAndValue": message(name="1 string", value="2 string"),
    "TCPSocketAction": message(port="1 intstr", host="2 string"),
    "GRPCAction": message(port="1 int", service="2 string"),
    "SleepAction": message(seconds="1 int?"),
    # Security
    "PodSecurityContext": message(
        seLinuxOptions="1 SELinuxOptions",
        runAsUser="2 int?",
        runAsNonRoot="3 bool?",
        supplementalGroups="4 []int",
        fsGroup="5 int?",
        runAsGroup="6 int?",
        sysctls="7 []NameAndValue",
        fsGroupChangePolicy="9 string",
        seccompProfile="10 Profile",
        appArmorProfile="11 Profile",
        supplementalGroupsPolicy="12 string",
    ),
    "SecurityContext": message(
        capabilities="1 Capabilities",
        privileged="2 bool?",
        seLinuxOptions="3 SELinuxOptions",
        runAsUser="4 int?",
        runAsNonRoot="5 bool?",
        readOnlyRootFilesystem="6 bool?",
        allowPrivilegeEscalation="7 bool?",
        runAsGroup="8 int?",
        procMount="9 string",
        seccompProfile="11 Profile",
        appArmorProfile="12 Profile",
    ),
    "Capabilities": message(add="1 []string", drop="2 []string"),
    "Profile": message(type="1 string", localhostProfile="2 string"),
    "SELinuxOptions": message(user="1 string", role="2 string", type="3 string", level="4 string"),
    # Placement and names
    "Toleration": message(
        key="1 string",
        operator="2 string",
        value="3 string",
        effect="4 string",
        tolerationSeconds="5 int?",
    ),
    "Affinity": message(
        nodeAffinity="1 NodeAffinity", podAffinity="2 PodAffinity", podAntiAffinity="3 PodAffinity"
    ),
    "NodeAffinity": message(
        requiredDuringSchedulingIgnoredDuringExecution="1 NodeSelector",
        preferredDuringSchedulingIgnoredDuringExecution="2 []PreferredSchedulingTerm",
    ),
    "NodeSelector": message(nodeSelectorTerms="1 []NodeSelectorTerm"),
    "NodeSelectorTerm": message(
        matchExpressions="1 []NodeSelectorRequirement", matchFields="2 []NodeSelectorRequirement"
    ),
    "NodeSelectorRequirement": message(key="1 string", operator="2 string", values="3 []string"),
    "PreferredSchedulingTerm": message(weight="1 int?", preference="2 NodeSelectorTerm"),
    "PodAffinity": message(
        requiredDuringSchedulingIgnoredDuringExecution="1 []PodAffinityTerm",
        preferredDuringSchedulingIgnoredDuringExecution="2 []WeightedPodAffinityTerm",
    ),
    "WeightedPodAffinityTerm": message(weight="1 int?", podAffinityTerm="2 PodAffinityTerm"),
    "PodAffinityTerm": message(
        labelSelector="1 LabelSelector",
        namespaces="2 []string",
        topologyKey="3 string",
        namespaceSelector="4 LabelSelector",
        matchLabelKeys="5 []string",
        mismatchLabelKeys="6 []string",
    ),
    "TopologySpreadConstraint": message(
        maxSkew="1 int?",
        topologyKey="2 string",
        whenUnsatisfiable="3 string",
        labelSelector="4 LabelSelector",
        minDomains="5 int?",
        nodeAffinityPolicy="6 string",
        nodeTaintsPolicy="7 string",
        matchLabelKeys="8 []string",
    ),
    "HostAlias": message(ip="1 string", hostnames="2 []string"),
    "PodDNSConfig": message(
        nameservers="1 []string", searches="2 []string", options="3 []NameAndValue"
    ),
    "PodReadinessGate": message(conditionType="1 string"),
}
