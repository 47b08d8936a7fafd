"""Strategic merge, JSON and merge patches. Expected results are Kubernetes' documented ones."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.api.json_patch import json_patch, merge_patch
from localcluster.api.strategic import StrategicMerge
from localcluster.json_copy import copy_json
from localcluster.objects import ApiError, KubeObject
from localcluster.schema.definitions import definitions


def strategic(spec: KubeObject, patch: KubeObject, resource: Any = kinds.PODS) -> Any:
    merge = StrategicMerge(definitions())
    schema = definitions().of(resource)
    return merge.apply({"spec": spec}, {"spec": patch}, schema)["spec"]


def names(items: list[KubeObject]) -> list[str]:
    return [item["name"] for item in items]


def containers(*found: str) -> list[KubeObject]:
    return [{"name": name, "image": f"{name}:v1"} for name in found]


def test_a_list_with_a_merge_key_is_merged_by_it() -> None:
    patch = {"containers": [{"name": "b", "image": "b:v2"}]}
    result = strategic({"containers": containers("a", "b")}, patch)
    assert result["containers"] == [*containers("a"), {"name": "b", "image": "b:v2"}]


def test_new_entries_come_where_the_patch_puts_them() -> None:
    result = strategic({"containers": containers("a")}, {"containers": containers("new")})
    assert names(result["containers"]) == ["new", "a"]
    ordered = {
        "containers": containers("new"),
        "$setElementOrder/containers": [{"name": "a"}, {"name": "new"}],
    }
    result = strategic({"containers": containers("a")}, ordered)
    assert names(result["containers"]) == ["a", "new"]
    assert list(result) == ["containers"]


def test_an_order_alone_reorders_and_keeps_what_it_does_not_name() -> None:
    patch = {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}
    result = strategic({"containers": containers("a", "b", "c")}, patch)
    assert names(result["containers"]) == ["b", "c", "a"]


def test_an_entry_can_be_deleted_and_a_list_replaced() -> None:
    stored = {"containers": containers("a", "b")}
    deleted = strategic(stored, {"containers": [{"name": "a", "$patch": "delete"}]})
    assert names(deleted["containers"]) == ["b"]
    replaced = strategic(stored, {"containers": [{"$patch": "replace"}, *containers("z")]})
    assert replaced["containers"] == containers("z")


def test_a_map_can_be_replaced_and_emptied() -> None:
    stored = {"nodeSelector": {"a": "1"}, "securityContext": {"runAsUser": 1}}
    result = strategic(stored, {"nodeSelector": {"$patch": "replace", "b": "2"}})
    assert result["nodeSelector"] == {"b": "2"}
    result = strategic(stored, {"securityContext": {"$patch": "delete"}})
    assert result["securityContext"] == {}


def test_null_removes_a_field() -> None:
    assert strategic({"nodeName": "n", "hostname": "h"}, {"nodeName": None}) == {"hostname": "h"}


def test_lists_without_a_merge_key_are_replaced() -> None:
    stored = {"containers": [{"name": "a", "command": ["x", "y"]}]}
    result = strategic(stored, {"containers": [{"name": "a", "command": ["z"]}]})
    assert result["containers"][0]["command"] == ["z"]


def test_primitives_are_united_and_deleted() -> None:
    merge = StrategicMerge(definitions())
    schema = definitions().of(kinds.CONFIG_MAPS)
    stored = {"metadata": {"finalizers": ["a", "b"]}}
    united = merge.apply(stored, {"metadata": {"finalizers": ["b", "c"]}}, schema)
    assert united["metadata"]["finalizers"] == ["a", "b", "c"]
    deleted = merge.apply(
        stored, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, schema
    )
    assert deleted["metadata"] == {"finalizers": ["b"]}


def test_retain_keys_drops_the_other_kind_of_volume() -> None:
    stored = {"volumes": [{"name": "v", "emptyDir": {}}]}
    volume = {"name": "v", "hostPath": {"path": "/x"}, "$retainKeys": ["name", "hostPath"]}
    result = strategic(stored, {"volumes": [volume]})
    assert result["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


def test_a_rollout_strategy_is_changed_with_retain_keys() -> None:
    stored = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert strategic(stored, patch, kinds.DEPLOYMENTS) == {"strategy": {"type": "Recreate"}}


@pytest.mark.parametrize(
    "patch",
    [
        {"containers": [{"image": "x"}]},
        {"containers": ["x"]},
        {"containers": [{"name": "a", "$patch": "explode"}]},
        {"containers": [{"name": "a", "$patch": "merge"}]},
        {"securityContext": {"$patch": "explode"}},
        {"volumes": [{"name": "v", "hostPath": {}, "$retainKeys": ["name"]}]},
        {"$setElementOrder/containers": "a"},
        {"$setElementOrder/volumes": [{"name": "v"}], "volumes": None},
        {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]},
    ],
)
def test_patches_that_cannot_be_followed_are_told(patch: KubeObject) -> None:
    stored = {
        "containers": containers("a"),
        "volumes": [{"name": "v"}],
        "securityContext": {"fsGroup": 1},
    }
    with pytest.raises(ApiError) as caught:
        strategic(stored, patch)
    assert caught.value.code == 400


def test_an_order_for_a_list_that_never_was_does_nothing() -> None:
    stored = {"containers": containers("a")}
    assert strategic(stored, {"$setElementOrder/volumes": [{"name": "v"}]}) == stored


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ({"nodeSelector": {"a": None, "b": "c"}}, {"nodeSelector": {"b": "c"}}),
        ({"securityContext": {"$patch": "replace", "fsGroup": 1}}, {}),
        ({"securityContext": {"$patch": "explode"}}, {}),
        (
            {"volumes": [{"name": "v"}, {"$patch": "delete", "name": "w"}]},
            {"volumes": [{"name": "v"}]},
        ),
        ({"$deleteFromPrimitiveList/x": ["a"]}, {}),
        (
            {"$setElementOrder/volumes": [{"name": "v"}], "volumes": [{"name": "v"}]},
            {"volumes": [{"name": "v"}]},
        ),
    ],
)
def test_what_the_object_has_not_is_taken_over_without_nulls_and_directives(
    patch: KubeObject, result: KubeObject
) -> None:
    assert strategic({}, patch) == result


def test_an_entry_that_is_new_in_a_list_is_taken_over_as_it_stands() -> None:
    entry = {"name": "b", "env": [{"name": "X", "$patch": "delete"}]}
    assert strategic({"containers": containers("a")}, {"containers": [entry]}) == {
        "containers": [entry, *containers("a")]
    }


def test_primitives_are_deleted_and_ordered_at_once() -> None:
    merge = StrategicMerge(definitions())
    patch = {
        "$setElementOrder/finalizers": ["c", "b"],
        "$deleteFromPrimitiveList/finalizers": ["a"],
        "finalizers": ["c"],
    }
    stored = {"metadata": {"finalizers": ["a", "b"]}}
    schema = definitions().of(kinds.CONFIG_MAPS)
    assert merge.apply(stored, {"metadata": patch}, schema) == {
        "metadata": {"finalizers": ["c", "b"]}
    }
    nothing = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert merge.apply({"metadata": {}}, nothing, schema) == {"metadata": {}}


def test_fields_the_kind_does_not_have_are_merged_as_plain_values() -> None:
    new = {"nosuch": {"a": [{"$patch": "delete"}, {"b": None, "c": 1}]}}
    assert strategic({"nosuch": {"z": 1}}, new) == {"nosuch": {"z": 1, "a": [{"c": 1}]}}


def test_a_whole_map_is_replaced_where_the_definition_says_so() -> None:
    field = {"x-kubernetes-patch-strategy": "replace", "type": "object"}
    merge = StrategicMerge(definitions())
    result = merge.apply({"m": {"a": 1}}, {"m": {"b": 2}}, {"properties": {"m": field}})
    assert result == {"m": {"b": 2}}


env_lists = st.lists(st.sampled_from("abcdef"), max_size=6, unique=True)


@settings(max_examples=60, deadline=None)
@given(stored=env_lists, wanted=env_lists)
def test_what_apply_sends_to_turn_one_list_into_another_does_so(
    stored: list[str], wanted: list[str]
) -> None:
    assume(stored or wanted)
    entries = [{"name": n, "value": "new"} for n in wanted]
    gone = [{"name": n, "$patch": "delete"} for n in stored if n not in wanted]
    patch = {
        "containers": [
            {
                "name": "main",
                "env": [*entries, *gone],
                "$setElementOrder/env": [{"name": n} for n in wanted],
            }
        ],
        "$setElementOrder/containers": [{"name": "main"}],
    }
    before = {"containers": [{"name": "main", "env": [{"name": n, "value": "o"} for n in stored]}]}
    kept = copy_json(before)
    result = strategic(before, patch)
    assert result == {"containers": [{"name": "main", "env": entries}]}
    assert before == kept  # the stored object is not touched
    assert strategic(result, patch) == result


def test_merge_patch_follows_its_rfc() -> None:
    document = {"title": "Goodbye!", "author": {"given": "John", "family": "Doe"}, "tags": ["a"]}
    patch = {"title": "Hello!", "author": {"family": None}, "tags": ["b"], "phone": {"x": None}}
    assert merge_patch(document, patch) == {
        "title": "Hello!",
        "author": {"given": "John"},
        "tags": ["b"],
        "phone": {},
    }


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/b", "value": 2}], {"a": [1, 2], "b": 2}),
        ([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}),
        ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ([{"op": "replace", "path": "/a", "value": "x"}], {"a": "x"}),
        ([{"op": "move", "from": "/a", "path": "/c~1d~0e"}], {"c/d~e": [1, 2]}),
        ([{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1, 2], "b": [1, 2]}),
        ([{"op": "test", "path": "/a/1", "value": 2}], {"a": [1, 2]}),
        ([{"op": "replace", "path": "", "value": {}}], {}),
        # Where the API server's library is laxer than the RFC.
        ([{"op": "replace", "path": "/b", "value": 1}], {"a": [1, 2], "b": 1}),
        ([{"op": "add", "path": "/b"}], {"a": [1, 2], "b": None}),
        ([{"op": "copy", "from": "/x", "path": "/b"}], {"a": [1, 2], "b": None}),
        ([{"op": "test", "path": "/x", "value": None}], {"a": [1, 2]}),
        ([{"op": "add", "path": "x/b", "value": 3}], {"a": [1, 2], "b": 3}),
        ([{"op": "remove", "path": "/a/-1"}], {"a": [1]}),
        ([{"op": "add", "path": "/a/-1", "value": 9}], {"a": [1, 2, 9]}),
    ],
)
def test_json_patch_follows_the_api_server(
    operations: list[KubeObject], expected: KubeObject
) -> None:
    document = {"a": [1, 2]}
    assert json_patch(document, operations) == expected
    assert document == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/a/1", "value": 3}, 422),
        ({"op": "remove", "path": "/b"}, 422),
        ({"op": "replace", "path": "/b/c", "value": 1}, 422),
        ({"op": "add", "path": "", "value": {}}, 422),
        ({"op": "add", "path": "/a/-4", "value": 1}, 422),
        ({"op": "test", "path": "/a/0", "value": True}, 422),
        ({"op": "test", "path": "/a/0", "value": 1.0}, 422),
        ({"op": "add", "path": "/a/5", "value": 1}, 422),
        ({"op": "add", "path": "/a/0/x", "value": 1}, 422),
        ({"op": "remove", "path": "/a/-"}, 422),
        ({"op": "remove", "path": ""}, 422),
        ({"op": "move", "path": "/b"}, 422),
        ({"op": "move", "path": "/b", "from": "/x"}, 422),
        ({"op": "add", "path": "b", "value": 1}, 422),
        ({"op": "explode", "path": "/a"}, 422),
        ({"op": "add"}, 422),
        ({"op": "add", "path": 5}, 400),
        ("add", 400),
    ],
)
def test_json_patches_that_cannot_be_done_are_told(operation: object, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({"a": [1, 2]}, [operation])
    assert caught.value.code == code


def test_a_json_patch_has_a_limit() -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({}, [{"op": "remove", "path": "/a"}] * 10_001)
    assert caught.value.code == 413
