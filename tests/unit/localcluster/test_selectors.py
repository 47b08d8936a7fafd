"""Label and field selectors, as text and as objects."""

import pytest

from localcluster import kinds, selectors
from localcluster.objects import ApiError

LABELS = {"app": "web", "tier": "front", "n": "5"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("other!=web", True),  # an absent key satisfies a negation
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db,web)", False),
        ("app in (web,db),tier notin (back)", True),
        ("app", True),
        ("!app", False),
        ("!other", True),
        ("app=", False),
        ("other=", False),
        ("n>4", True),
        ("n<5", False),
        ("app>4", False),
        ("pod-template-hash=68d6", False),
        ("example.com/name!=x", True),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert selectors.parse_labels(text)(LABELS) is matches


@pytest.mark.parametrize("text", ["a in (", "=b", "a b", "a in b", "-a=b", "a==b==c", "(", "a=b)"])
def test_label_selectors_that_cannot_be_read_are_told(text: str) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement") as caught:
        selectors.parse_labels(text)
    assert caught.value.code == 400


def test_selector_objects() -> None:
    terms = [
        {"key": "app", "operator": "In", "values": ["web"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    assert selectors.from_selector({"matchExpressions": terms})(LABELS)
    assert selectors.from_selector({})(LABELS)
    assert not selectors.from_selector(None)(LABELS)
    assert not selectors.from_labels({})(LABELS)
    assert selectors.from_labels({"app": "web"})(LABELS)
    with pytest.raises(ApiError, match="not a valid label selector operator"):
        selectors.requirement("a", "Like", [])


POD = {
    "metadata": {"name": "p", "namespace": "n"},
    "spec": {"nodeName": "local"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=p", True),
        ("metadata.namespace!=n", False),
        ("status.phase=Running,spec.nodeName==local", True),
        ("status.podIP=", True),
        ("spec.hostNetwork=false", True),
    ],
)
def test_field_selectors(text: str, matches: bool) -> None:
    assert selectors.parse_fields(kinds.PODS, text)(POD) is matches


def test_events_are_selected_by_what_they_are_about() -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"name": "p"},
        "source": {"component": "k"},
    }
    assert selectors.parse_fields(kinds.EVENTS, "involvedObject.name=p,source=k")(event)
    assert selectors.parse_fields(kinds.EVENTS_V1, "regarding.name=p")(event)


@pytest.mark.parametrize("text", ["spec.nosuch=x", "metadata.name"])
def test_field_selectors_that_are_not_supported_are_told(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_fields(kinds.PODS, text)
    assert caught.value.code == 400
    assert "spec.nosuch" in str(caught.value) or "can't understand" in str(caught.value)
