"""Lists made of what was encoded before are those that would be encoded anew."""

import json
from typing import Any

from localcluster import kinds
from localcluster.api import encoded
from localcluster.api.encoded import Encoded

HEAD = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []}


def _pod(name: str, version: int = 1) -> dict[str, Any]:
    meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": {"text": "ü\u2028"}}


def _names(raw: bytes) -> list[tuple[str, str]]:
    items = json.loads(raw)["items"]
    return [(i["metadata"]["name"], i["metadata"]["resourceVersion"]) for i in items]


def test_a_list_has_its_head_and_items_without_a_type() -> None:
    raw = Encoded().listed(HEAD, kinds.PODS, [_pod("a")])
    pod = {key: value for key, value in _pod("a").items() if key in ("metadata", "spec")}
    assert json.loads(raw) == {**HEAD, "items": [pod]}
    assert json.loads(Encoded().listed(HEAD, kinds.PODS, [])) == HEAD


def test_an_object_is_encoded_once_for_as_long_as_it_is_the_same(monkeypatch: Any) -> None:
    calls = []
    dump = encoded.dump
    monkeypatch.setattr(encoded, "dump", lambda value: calls.append(value) or dump(value))
    store, pods = Encoded(), [_pod("a"), _pod("b")]
    store.listed(HEAD, kinds.PODS, pods)
    del calls[:]
    assert _names(store.listed(HEAD, kinds.PODS, pods)) == [("a", "1"), ("b", "1")]
    assert [call["kind"] for call in calls] == ["PodList"]


def test_a_new_version_is_never_shown_as_the_old_one() -> None:
    store = Encoded()
    store.listed(HEAD, kinds.PODS, [_pod("a")])
    assert _names(store.listed(HEAD, kinds.PODS, [_pod("a", 2)])) == [("a", "2")]


def test_an_event_of_the_other_group_is_not_taken_for_this_ones() -> None:
    event = {"metadata": {"name": "e", "uid": "u"}, "message": "m", "firstTimestamp": "t"}
    store = Encoded()
    core = json.loads(store.listed(HEAD, kinds.EVENTS, [event]))["items"][0]
    other = json.loads(store.listed(HEAD, kinds.EVENTS_V1, [event]))["items"][0]
    assert (core["message"], other["note"]) == ("m", "m")


def test_what_is_kept_has_a_bound_and_lists_stay_whole_beyond_it() -> None:
    store = Encoded(kept_bytes=300)
    pods = [_pod(f"p{number}") for number in range(20)]
    for _ in range(2):
        assert len(_names(store.listed(HEAD, kinds.PODS, pods))) == 20
        assert len(store._items) < 4
