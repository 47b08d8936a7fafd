"""The taint of a cordoned node."""

from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.cordon import CordonTaint

_OWN = {"key": "owner", "value": "x", "effect": "PreferNoSchedule"}


@pytest.fixture(autouse=True)
def started(cluster: Any) -> None:
    CordonTaint(cluster.registry, cluster.time).start()


def _spec(cluster: Any, **changes: Any) -> dict[str, Any]:
    cluster.registry.modify(kinds.NODES, "", "node", lambda node: node["spec"].update(changes))
    cluster.settle()
    spec = cluster.registry.find(kinds.NODES, "", "node")["spec"]
    assert isinstance(spec, dict)
    return spec


def test_a_cordoned_node_has_the_taint_until_it_is_uncordoned(cluster: Any) -> None:
    (taint,) = _spec(cluster, unschedulable=True)["taints"]
    assert taint["timeAdded"]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    assert "taints" not in _spec(cluster, unschedulable=False)


def test_the_taints_of_others_are_kept(cluster: Any) -> None:
    _spec(cluster, taints=[_OWN])
    assert _spec(cluster, unschedulable=True)["taints"][0] == _OWN
    assert _spec(cluster, unschedulable=False)["taints"] == [_OWN]
