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


# As a real 1.20.2 words them; where "since" is noted, as the source of later releases does.
REFUSED = {
    "a,,b": "found ',', expected: identifier after ','",
    ",": "found ',', expected: !, identifier, or 'end of string'",
    "=": "found '=', expected: !, identifier, or 'end of string'",
    "(a)": "found '(', expected: !, identifier, or 'end of string'",
    "a=b,": "found '', expected: identifier after ','",
    "a in (b),": "found '', expected: identifier after ','",
    "a=b=c": "found '=', expected: ',' or 'end of string'",
    "a==b==c": "found '==', expected: ',' or 'end of string'",
    "a=b c": "found 'c', expected: ',' or 'end of string'",
    "!a=b": "found '=', expected: ',' or 'end of string'",
    "a=b)": "found ')', expected: ',' or 'end of string'",
    "!": "unable to parse requirement: found '', expected: identifier",
    "app in (": "unable to parse requirement: found '', expected: ',', ')' or identifier",
    "a in b": "unable to parse requirement: found 'b' expected: '('",
    "a notin (b": "unable to parse requirement: found '', expected: ',' or ')'",
    "x=it,x in (1,2": "unable to parse requirement: found '', expected: ',' or ')'",
    # since 1.21
    "a b": "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    "a!b": "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt",
    "a>x": 'unable to parse requirement: values[0]: Invalid value: "x": for '
    "'Gt', 'Lt' operators, "
    "the value must be an integer",
}


@pytest.mark.parametrize("text", REFUSED)
def test_label_selectors_that_cannot_be_read_are_told(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_labels(text)
    assert (caught.value.code, caught.value.message) == (400, REFUSED[text])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-a=b", 'key: Invalid value: "-a": name part must consist of'),
        ("a/b/c=d", 'key: Invalid value: "a/b/c": a qualified name must consist of'),
        ("x" * 70, "name part must be no more than 63 characters"),
        ("a=-", 'values[0][a]: Invalid value: "-": a valid label must be an empty string or'),
        ("a=" + "v" * 64, "must be no more than 63 characters"),
        ("a=" + "v" * 70_000, "longer than 65536 characters"),
    ],
)
def test_keys_and_values_of_labels_are_checked(text: str, told: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_labels(text)
    assert told in caught.value.message


@pytest.mark.parametrize("text", ["a in ()", "a in (,)", "a in (b,)", "in=notin", "a in (in)"])
def test_odd_label_selectors_that_can_be_read(text: str) -> None:
    selectors.parse_labels(text)


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
