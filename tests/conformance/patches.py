"""Random patches to a few objects: what hypothesis draws, and what a cluster makes of them.

Every patch goes with `dryRun=All`: defaults, validation and merging are done and nothing is
written, so each begins from the same object and no controller joins in.
"""

import time
from typing import Any

from hypothesis import strategies as st
from wire import PATCH_TYPES, Wire

NAMESPACE = "conf-patches"
PATHS = {
    "deployment": f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
    "service": f"/api/v1/namespaces/{NAMESPACE}/services",
    "configmap": f"/api/v1/namespaces/{NAMESPACE}/configmaps",
    "statefulset": f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets",
    "pod": f"/api/v1/namespaces/{NAMESPACE}/pods",
    "secret": f"/api/v1/namespaces/{NAMESPACE}/secrets",
    "networkpolicy": f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies",
    "namespace": "/api/v1/namespaces",
}
_META = {"labels": {"app": "it", "tier": "a"}, "annotations": {"note": "x"}}
# Fields that a Service has since 1.21 and later.
_NEWER = (
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "persistentVolumeClaimRetentionPolicy",
)
_NAME_LABEL = "kubernetes.io/metadata.name"  # of a Namespace, since 1.21
_VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink")

BASES: dict[str, dict[str, Any]] = {
    "deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it", "finalizers": ["example.com/b", "example.com/a"], **_META},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "it"}},
            "template": {
                "metadata": {"labels": {"app": "it"}},
                "spec": {
                    "volumes": [
                        {"name": "conf", "configMap": {"name": "it"}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                    "containers": [
                        {
                            "name": "a",
                            "image": "x:1",
                            "env": [
                                {"name": n, "value": n.lower()} for n in ("ONE", "TWO", "THREE")
                            ],
                            "ports": [
                                {"name": "http", "containerPort": 80},
                                {"name": "more", "containerPort": 81},
                            ],
                            "volumeMounts": [
                                {"name": "conf", "mountPath": "/conf"},
                                {"name": "tmp", "mountPath": "/tmp"},
                            ],
                            "resources": {"limits": {"memory": "1Gi"}},
                            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                        },
                        {"name": "b", "image": "y:1", "args": ["1", "2"]},
                    ],
                    "tolerations": [{"key": "k", "operator": "Exists"}],
                    "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
                },
            },
        },
    },
    "service": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "it", **_META},
        "spec": {
            "clusterIP": "None",
            "selector": {"app": "it"},
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http"},
                {"name": "more", "port": 81},
            ],
        },
    },
    "configmap": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "it", **_META},
        "data": {"a": "1", "b": "2"},
    },
    "statefulset": {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "it", **_META},
        "spec": {
            "replicas": 0,
            "serviceName": "it",
            "selector": {"matchLabels": {"app": "it"}},
            "template": {
                "metadata": {"labels": {"app": "it"}},
                "spec": {
                    "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}],
                    "volumes": [{"name": "conf", "emptyDir": {}}],
                },
            },
        },
    },
    # Never scheduled, so that nobody else writes it.
    "pod": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "it", **_META},
        "spec": {
            "automountServiceAccountToken": False,
            "schedulerName": "nobody",
            "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}],
            "tolerations": [{"key": "k", "operator": "Exists"}],
        },
    },
    "secret": {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "it", **_META},
        "data": {"a": "MQ==", "b": "Mg=="},
    },
    "networkpolicy": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "it", **_META},
        "spec": {
            "podSelector": {"matchLabels": {"app": "it"}},
            "ingress": [{"ports": [{"port": 80}], "from": [{"podSelector": {}}]}],
        },
    },
    "namespace": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, **_META},
    },
}


def _optional(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _listed(entry: Any, key: str, at_most: int = 3) -> Any:
    """Entries of a list that is merged by `key`, now and then with a directive among them."""
    directives = st.sampled_from(["delete", "replace", None, None, None, None])

    def directed(value: dict[str, Any], directive: str | None) -> dict[str, Any]:
        match directive:
            case "delete":
                return {"$patch": "delete", key: value[key]}
            case "replace":
                return {"$patch": "replace"}
        return value

    return st.lists(
        st.builds(directed, entry, directives), max_size=at_most, unique_by=lambda e: e.get(key)
    )


def _named(names: list[str], **fields: Any) -> Any:
    return st.fixed_dictionaries({"name": st.sampled_from(names)}, optional=fields)


_KEYS = ["app", "tier", "new", "example.com/x"]
_VALUES = st.sampled_from(["it", "a", "b", "", None])
_LABELS = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3)
_ENV = _named(["ONE", "TWO", "THREE", "FOUR"], value=st.sampled_from(["", "x", "y", None]))
_PORT = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([80, 81, 8080, 9090])},
    optional={
        "name": st.sampled_from(["http", "more", "third", None]),
        "protocol": st.sampled_from(["TCP", "UDP", None]),
    },
)
_MOUNT = st.fixed_dictionaries(
    {"mountPath": st.sampled_from(["/conf", "/tmp", "/new"])},
    optional={
        "name": st.sampled_from(["conf", "tmp"]),
        "readOnly": st.booleans(),
        "subPath": st.sampled_from(["s", None]),
    },
)
_PROBE = _optional(
    periodSeconds=st.integers(0, 5),
    initialDelaySeconds=st.sampled_from([0, 3, None]),
    httpGet=st.sampled_from([None, {"path": "/x"}, {"path": "/", "port": 81}]),
    tcpSocket=st.sampled_from([None, {"port": "http"}]),
    exec=st.sampled_from([None, {"command": ["true"]}]),
)
_RESOURCES = _optional(
    limits=_optional(
        memory=st.sampled_from(["1024Mi", "1Gi", "2G", None]),
        cpu=st.sampled_from(["0.5", "500m", 1]),
    ),
    requests=_optional(
        memory=st.sampled_from(["64Mi", "0.5Gi", None]), cpu=st.sampled_from(["100m", "0.1", None])
    ),
)
_CONTAINER = _named(
    ["a", "b", "c"],
    image=st.sampled_from(["x:1", "y:2", "z"]),
    imagePullPolicy=st.sampled_from(["Always", None]),
    env=_listed(_ENV, "name"),
    ports=_listed(_PORT, "containerPort"),
    volumeMounts=_listed(_MOUNT, "mountPath"),
    args=st.lists(st.sampled_from(["1", "3"]), max_size=2),
    resources=_RESOURCES,
    readinessProbe=_PROBE | st.none(),
    securityContext=_optional(runAsUser=st.sampled_from([0, 1000, None]), privileged=st.booleans()),
)
_VOLUME = _named(
    ["conf", "tmp", "new"],
    emptyDir=st.sampled_from([{}, {"medium": "Memory"}, None]),
    configMap=st.sampled_from([{"name": "other"}, {"defaultMode": 256}, None]),
)


def _ordered(key: str, names: list[str]) -> Any:
    orders = st.permutations(names).flatmap(
        lambda order: st.integers(1, len(order)).map(lambda size: order[:size])
    )
    return orders.map(lambda order: [{key: name} for name in order])


_POD = _optional(
    **{
        "containers": _listed(_CONTAINER, "name", 2),
        "$setElementOrder/containers": _ordered("name", ["a", "b"]),
        "initContainers": _listed(_CONTAINER, "name", 1),
        "volumes": _listed(_VOLUME, "name"),
        "tolerations": st.lists(
            st.sampled_from([{"operator": "Exists"}, {"key": "z"}]), max_size=2
        ),
        "imagePullSecrets": _listed(_named(["one", "two", "three"]), "name"),
        "nodeSelector": st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=2),
        "terminationGracePeriodSeconds": st.sampled_from([0, 5, None]),
        "hostAliases": _listed(
            st.fixed_dictionaries(
                {"ip": st.sampled_from(["1.2.3.4", "::1"])},
                optional={"hostnames": st.lists(st.sampled_from(["x", "y"]), max_size=2)},
            ),
            "ip",
        ),
        "securityContext": _optional(fsGroup=st.integers(0, 9)) | st.none(),
        "dnsPolicy": st.sampled_from(["Default", None, "Nonsense"]),
        "restartPolicy": st.sampled_from(["Always", None, "Never"]),
    }
)
_STRATEGY = st.sampled_from(
    [
        {"type": "Recreate"},
        {"type": "Recreate", "rollingUpdate": None},
        {"$retainKeys": ["type"], "type": "Recreate"},
        {"rollingUpdate": {"maxSurge": 1}},
        {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
        {"type": None},
        {"$patch": "replace", "type": "Recreate"},
        None,
    ]
)
_METADATA = _optional(
    **{
        "labels": _LABELS | st.none(),
        "annotations": _LABELS | st.none(),
        "finalizers": st.lists(
            st.sampled_from(["example.com/a", "example.com/c"]), max_size=2, unique=True
        ),
        "$deleteFromPrimitiveList/finalizers": st.just(["example.com/b"]),
    }
)
_DEPLOYMENT = _optional(
    metadata=_METADATA,
    spec=_optional(
        replicas=st.sampled_from([0, 1, None, -1]),
        strategy=_STRATEGY,
        minReadySeconds=st.sampled_from([0, 4, None]),
        revisionHistoryLimit=st.sampled_from([3, None]),
        progressDeadlineSeconds=st.sampled_from([30, None]),
        paused=st.booleans(),
        template=_optional(metadata=_METADATA, spec=_POD),
    ),
)
_SERVICE_PORT = st.fixed_dictionaries(
    {"port": st.sampled_from([80, 81, 443])},
    optional={
        "name": st.sampled_from(["http", "more", "tls", None]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
        "targetPort": st.sampled_from(["http", 8080, None]),
    },
)
_SERVICE = _optional(
    metadata=_METADATA,
    spec=_optional(
        **{
            "ports": _listed(_SERVICE_PORT, "port"),
            "$setElementOrder/ports": _ordered("port", [80, 81]),  # type: ignore[list-item]
            "selector": _LABELS | st.none(),
            "sessionAffinity": st.sampled_from(["None", "ClientIP", None]),
            "publishNotReadyAddresses": st.booleans(),
            "externalIPs": st.lists(st.just("9.9.9.9"), max_size=1) | st.none(),
        }
    ),
)
_CONFIG = _optional(
    metadata=_METADATA,
    data=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "3", "", None]), max_size=3)
    | st.none(),
    binaryData=st.sampled_from([None, {"bin": "AAEC"}]),
    immutable=st.sampled_from([True, None]),
)
_STATEFUL_SET = _optional(
    metadata=_METADATA,
    spec=_optional(
        replicas=st.sampled_from([0, 2, None, -1]),
        serviceName=st.sampled_from(["it", "other"]),
        podManagementPolicy=st.sampled_from([None, "OrderedReady", "Parallel"]),
        updateStrategy=st.sampled_from(
            [
                {"type": "OnDelete"},
                {"rollingUpdate": {"partition": 1}},
                None,
            ]
        ),
        template=_optional(metadata=_METADATA, spec=_POD),
    ),
)
_POD_ITSELF = _optional(
    metadata=_METADATA,
    spec=_optional(
        **{
            "containers": _listed(
                _named(["a", "b", "c"], image=st.sampled_from(["x:1", "x:2"])), "name", 2
            ),
            "$setElementOrder/containers": _ordered("name", ["a", "b"]),
            "activeDeadlineSeconds": st.sampled_from([5, None]),
            "tolerations": st.lists(
                st.sampled_from([{"key": "k", "operator": "Exists"}, {"operator": "Exists"}]),
                max_size=2,
            ),
            "terminationGracePeriodSeconds": st.sampled_from([30, 5]),
            "nodeName": st.sampled_from([None, "nowhere"]),
        }
    ),
)
_TEXT = st.sampled_from(["MQ==", "Mw==", "", None])
_SECRET = _optional(
    metadata=_METADATA,
    data=st.dictionaries(st.sampled_from("abc"), _TEXT, max_size=3) | st.none(),
    stringData=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "ü", None])),
    type=st.sampled_from(["Opaque", None, "other"]),
    immutable=st.sampled_from([True, None]),
)
_SELECTOR = _optional(
    matchLabels=_LABELS | st.none(),
    matchExpressions=st.sampled_from(
        [
            [],
            [{"key": "app", "operator": "In", "values": ["it"]}],
            [{"key": "x", "operator": "Exists"}],
        ]
    ),
)
_RULE = _optional(
    ports=st.lists(
        st.sampled_from([{"port": 80}, {"port": "http", "protocol": "UDP"}, {}]), max_size=2
    ),
)
_POLICY = _optional(
    metadata=_METADATA,
    spec=_optional(
        podSelector=_SELECTOR,
        policyTypes=st.sampled_from([["Ingress"], ["Egress", "Ingress"], None, []]),
        ingress=st.lists(_RULE, max_size=2) | st.none(),
        egress=st.lists(_RULE, max_size=2) | st.none(),
    ),
)
_DOCUMENTS = {
    "deployment": _DEPLOYMENT,
    "service": _SERVICE,
    "configmap": _CONFIG,
    "statefulset": _STATEFUL_SET,
    "pod": _POD_ITSELF,
    "secret": _SECRET,
    "networkpolicy": _POLICY,
    "namespace": _optional(metadata=_METADATA),
}


def _without_directives(value: Any) -> Any:
    """As a merge patch, in which a directive would be an unknown field."""
    if isinstance(value, dict):
        return {k: _without_directives(v) for k, v in value.items() if not k.startswith("$")}
    if isinstance(value, list):
        return [
            _without_directives(v) for v in value if not (isinstance(v, dict) and "$patch" in v)
        ]
    return value


def _pointers(value: Any, at: str = "") -> list[tuple[str, Any]]:
    """Every place in an object, with what is there."""
    found = [(at, value)] if at else []
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        pairs = [(k.replace("~", "~0").replace("/", "~1"), v) for k, v in value.items()]
    elif isinstance(value, list):
        pairs = [(str(n), v) for n, v in enumerate(value)]
    for key, item in pairs:
        found += _pointers(item, f"{at}/{key}")
    return found


def _operations(base: dict[str, Any]) -> Any:
    places = [(p, v) for p, v in _pointers(base) if p.count("/") > 1]
    lists = [f"{p}/{end}" for p, v in places if isinstance(v, list) for end in ("-", "0", "1")]
    lists = lists or ["/data/new"]
    paths = st.sampled_from([p for p, _ in places])
    values = st.sampled_from([v for _, v in places])
    return st.lists(
        st.one_of(
            st.builds(
                lambda pv: {"op": "test", "path": pv[0], "value": pv[1]}, st.sampled_from(places)
            ),
            st.builds(lambda p: {"op": "remove", "path": p}, paths),
            st.builds(lambda p, v: {"op": "replace", "path": p, "value": v}, paths, values),
            st.builds(
                lambda p, v: {"op": "add", "path": p, "value": v}, st.sampled_from(lists), values
            ),
            st.builds(
                lambda p, f: {"op": "copy", "path": p, "from": f}, st.sampled_from(lists), paths
            ),
            st.builds(
                lambda p, f: {"op": "move", "path": p, "from": f}, st.sampled_from(lists), paths
            ),
            st.builds(
                lambda k, v: {"op": "add", "path": f"/metadata/labels/{k}", "value": v},
                st.sampled_from(["app", "new", "a~1b"]),
                st.sampled_from(["x", ""]),
            ),
        ),
        min_size=1,
        max_size=3,
    )


def _cases(base: str) -> Any:
    documents = _DOCUMENTS[base]
    return st.one_of(
        st.tuples(st.just(base), st.just("strategic"), documents),
        st.tuples(st.just(base), st.just("strategic"), documents),
        st.tuples(st.just(base), st.just("merge"), documents.map(_without_directives)),
        st.tuples(st.just(base), st.just("json"), _operations(BASES[base])),
    )


CASES = st.one_of(*[_cases(base) for base in ("deployment", *_DOCUMENTS)])


def prepare(wire: Wire) -> None:
    """The namespace and the objects that are patched, made once."""
    namespace = BASES["namespace"]
    deadline = time.monotonic() + 60
    while wire.request("POST", "/api/v1/namespaces", namespace)[0] != 201:
        assert time.monotonic() < deadline, f"{NAMESPACE} of an earlier run does not go"
        discard(wire)
        time.sleep(0.2)  # noqa: TID251 - polling a cluster, with a deadline
    for base, body in BASES.items():
        status, answer = wire.request("POST", PATHS[base], body)
        assert status == 201 or base == "namespace", answer


def path_of(base: str) -> str:
    return f"{PATHS[base]}/{BASES[base]['metadata']['name']}"


def discard(wire: Wire) -> None:
    """The finalizers first: nobody else takes them away, and the namespace would stay for ever."""
    bare = {"metadata": {"finalizers": None}}
    wire.request("PATCH", f"{PATHS['deployment']}/it", bare, PATCH_TYPES["merge"])
    wire.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def outcome(wire: Wire, base: str, kind: str, patch: Any) -> Any:
    """The patched object without what every server makes up, or the code of the refusal."""
    path = f"{path_of(base)}?dryRun=All"
    status, answer = wire.request("PATCH", path, patch, PATCH_TYPES[kind])
    if status != 200:
        return status
    answer.pop("status", None)
    for key in (*_VOLATILE, "generation"):
        answer["metadata"].pop(key, None)
    answer["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    answer["metadata"].get("labels", {}).pop(_NAME_LABEL, None)
    if not answer["metadata"].get("labels", True):
        del answer["metadata"]["labels"]
    for key in _NEWER:
        answer.get("spec", {}).pop(key, None)
    # Releases before 1.35 write this null.
    template = answer.get("spec", {}).get("template", {})
    template.get("metadata", {}).pop("creationTimestamp", None)
    # The template of a StatefulSet may lack them; a real server writes null then.
    if template and template["spec"].get("containers") is None:
        template["spec"]["containers"] = []
    return answer


_MERGE_KEYS = ("name", "containerPort", "mountPath", "port", "ip")


def for_1_20(obj: Any, kind: str, patch: Any) -> Any:
    """The patch that has in 1.20 the effect which `patch` has in current releases.

    They differ in one rule of strategic patches. A value for something that the object does not
    have is taken over literally in 1.20; later releases drop nulls and maps with a `$patch` from
    it, and a `$deleteFromPrimitiveList` for a list that is not there (`discardNullValuesFromPatch`
    and `removeDirectives` in apimachinery's pkg/util/strategicpatch/patch.go, since 1.27).
    """
    return _as_taken_over(obj, patch) if kind == "strategic" else patch


def is_of_later_releases(kind: str, patch: Any) -> bool:
    """A JSON patch that puts a container among the volumes: a volume has an `image` since 1.31."""
    return kind == "json" and any(
        "/volumes" in operation["path"]
        and ("image" in _keys(operation.get("value")) or "/containers" in operation.get("from", ""))
        for operation in patch
    )


def _keys(value: Any) -> Any:
    return value if isinstance(value, dict) else ()


def _as_taken_over(obj: Any, patch: Any) -> Any:
    if isinstance(obj, dict) and isinstance(patch, dict):
        if "$patch" in patch:
            return patch
        result = {}
        for key, value in patch.items():
            if key.startswith("$deleteFrom"):
                if key.partition("/")[2] in obj:
                    result[key] = value
            elif key[0] == "$" or value is None:
                result[key] = value
            elif type(obj.get(key)) is type(value):
                result[key] = _as_taken_over(obj[key], value)
            elif not (isinstance(value, dict) and "$patch" in value):
                ordered = f"$setElementOrder/{key}" in patch
                result[key] = _plain(value, nulls=ordered)
        return result
    if isinstance(obj, list) and isinstance(patch, list):
        return [
            entry if (found := _entry(obj, entry)) is None else _as_taken_over(found, entry)
            for entry in patch
        ]
    return patch


def _plain(value: Any, *, nulls: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _plain(item, nulls=nulls)
            for key, item in value.items()
            if (nulls or item is not None) and not (isinstance(item, dict) and "$patch" in item)
        }
    if isinstance(value, list):
        return [
            _plain(item, nulls=nulls)
            for item in value
            if not (isinstance(item, dict) and "$patch" in item)
        ]
    return value


def _entry(entries: list[Any], wanted: Any) -> Any:
    if not isinstance(wanted, dict) or "$patch" in wanted:
        return None
    key = next((key for key in _MERGE_KEYS if key in wanted), None)
    return next((e for e in entries if isinstance(e, dict) and e.get(key) == wanted.get(key)), None)
