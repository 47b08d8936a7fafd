"""The needs of drills as RBAC: an account and the roles that grant exactly that."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from rundrill.permissions.access import Access

NAME: Final = "rundrill"
"""Of the account, its namespace and its roles."""
_RBAC: Final = "rbac.authorization.k8s.io"


def as_role(accesses: Iterable[Access]) -> str:
    """YAML for `kubectl apply -f`; the namespaces of the drills must be there."""
    every = sorted(set(accesses))
    documents: list[Mapping[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": NAME},
        },
    ]
    for namespace in dict.fromkeys(one.namespace for one in every):
        documents += _granted(namespace, [one for one in every if one.namespace == namespace])
    return "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=100) for one in documents
    )


class _Dumper(yaml.SafeDumper):
    """A list of words stands on one line, as people write roles."""


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    words = all(isinstance(item, str) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)


_Dumper.add_representer(list, _list)


def _granted(namespace: str, accesses: Sequence[Access]) -> Iterator[Mapping[str, Any]]:
    """The role and its binding; "" is the whole cluster."""
    kind = "Role" if namespace else "ClusterRole"
    place = {"namespace": namespace} if namespace else {}
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {"name": NAME, **place},
        "rules": list(_rules(accesses)),
    }
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": NAME, **place},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
    }


def _rules(accesses: Sequence[Access]) -> Iterator[Mapping[str, Any]]:
    """One rule for the resources of a group that need the same verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for one in accesses:
        verbs.setdefault((one.group, one.resource), []).append(one.verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), these in verbs.items():
        alike.setdefault((group, tuple(these)), []).append(resource)
    for (group, these_verbs), resources in alike.items():
        yield {"apiGroups": [group], "resources": resources, "verbs": list(these_verbs)}
