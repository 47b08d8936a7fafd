"""alertmanager.yml: who is told; every mistake is one message with its place."""

from pathlib import Path

import pytest

from rundrill.detection.notify import load_routing, parse_routing
from rundrill.detection.notify.matchers import parse_matchers, text_of
from rundrill.detection.notify.message import fingerprint
from rundrill.errors import RoutingError

SHIPPED = Path(__file__).parents[4] / "runbooks/payment-service/alertmanager.yml"
TREE = """\
global: {smtp_from: "a@b", slack_api_url: "http://secret/"}
route:
  receiver: default
  group_by: [alertname, pod]
  routes:
    - matchers: [severity = critical, 'team=~"pay.*|core"']
      receiver: on-call
      group_wait: 0s
      continue: true
    - match: {severity: critical}
      receiver: chat
      routes:
        - matchers: ['{alertname!~".*High", zone!=""}']
          group_by: ["..."]
          group_wait: 5s
receivers:
  - {name: default, email_configs: [{to: a@b}]}
  - {name: on-call, pagerduty_configs: [{routing_key: k}]}
  - {name: chat, slack_configs: [{channel: c, send_resolved: true}], webhook_configs: [{url: u}]}
"""


def names(**labels: str) -> list[str]:
    return [f"{r.receiver}:{r.group_wait_s:g}" for r in parse_routing(TREE).root.match(labels)]


def test_the_deepest_routes_that_match_get_the_alert() -> None:
    assert names(severity="warning") == ["default:30"]
    assert names(severity="critical") == ["chat:30"]
    assert names(severity="critical", team="payments") == ["on-call:0", "chat:30"]
    assert names(severity="critical", alertname="Down", zone="a") == ["chat:5"]
    assert names(severity="critical", alertname="MemoryHigh", zone="a") == ["chat:30"]
    assert names(severity="critical", alertname="Down") == ["chat:30"]


def test_what_a_route_does_not_say_it_has_from_above() -> None:
    routing = parse_routing(TREE)
    deepest = list(routing.root.walk())[-1]
    assert deepest.receiver == "chat"
    assert deepest.group_by is None
    assert deepest.group_interval_s == 300.0
    assert deepest.repeat_interval_s == 4 * 3600.0
    assert deepest.key == '{}/{severity="critical"}/{alertname!~".*High",zone!=""}'
    assert routing.compressed(10.0).group_wait_s({"severity": "critical"}) == 3.0
    assert [i.send_resolved for i in routing.receivers["chat"]] == [True, True]
    assert [i.send_resolved for i in routing.receivers["default"]] == [False]


def test_the_shipped_file_wakes_somebody_for_a_critical_alert_sooner() -> None:
    routing = load_routing(SHIPPED)
    critical = {"alertname": "PaymentPodRestarting", "severity": "critical"}
    assert routing.group_wait_s(critical) == 10.0
    assert routing.group_wait_s({"alertname": "PaymentCpuHigh", "severity": "warning"}) == 30.0
    assert [route.receiver for route in routing.root.match(critical)] == ["on-call"]


def test_matchers_are_written_in_many_ways() -> None:
    written = ['a="b"', "a=b", ' a = "b" ', '{a="b"}', '{a="b",}']
    assert {text_of(parse_matchers(text)) for text in written} == {'{a="b"}'}
    assert text_of(parse_matchers('a="x,y", b!="\\"\\n"')) == '{a="x,y",b!="\\"\\n"}'
    assert parse_matchers(r'a=~"\\d+"')[0].matches({"a": "12"})
    assert not parse_matchers('a=~"b"')[0].matches({"a": "bc"})  # the whole value
    assert parse_matchers('a!="b"')[0].matches({})


def test_a_fingerprint_is_the_one_that_prometheus_gives() -> None:
    """Read off a real Alertmanager's `/api/v2/alerts`."""
    assert fingerprint({"alertname": "Down", "severity": "critical"}) == "4f000a279caba656"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("receiver: default", "receiver: defualt", "3:13: there is no receiver `defualt`"),
        ("receiver: on-call\n", "receiver: nobody\n", "there is no receiver `nobody`"),
        ("group_wait: 0s", "group_wait: soon", "`group_wait` is no duration: 'soon'"),
        ("group_wait: 0s", "group_interval: 0s", "`group_interval` cannot be zero"),
        ("group_wait: 0s", "group_wiat: 1s", "unknown key `group_wiat`"),
        ("group_wait: 0s", "mute_time_intervals: [nights]", "`mute_time_intervals` is not supp"),
        ("group_wait: 0s", "active_time_intervals: [days]", "`active_time_intervals` is not supp"),
        ("continue: true", "continue: maybe", "expected true or false, found 'maybe'"),
        ("severity = critical", "severity ~ critical", "not a matcher: 'severity ~ critical'"),
        ("severity = critical", "'a=\"b'", "not matchers: 'a=\"b'"),
        ("pay.*|core", "pay(?!x)", "regular expression 'pay(?!x)': '(?!' is not supported"),
        ("pay.*|core", "(?P<x>a)(?P=x)", "'(?P=' is not supported"),
        ("pay.*|core", "(", "regular expression"),
        ("match: {severity: critical}", "match_re: {severity: '('}", "regular expression '('"),
        ("severity = critical", "'a=b\"c\"'", "unbalanced quotes in"),
        ('["..."]', '["...", pod]', "`...` stands beside other labels"),
        ('["..."]', '["a-b"]', "not a label name: 'a-b'"),
        ("match: {severity", "match: {a-b", "not a label name: 'a-b'"),
        ("- {name: on-call,", "- {name: chat,", "receiver `chat` is there twice"),
        ("pagerduty_configs", "carrier_pigeon_configs", "unknown key `carrier_pigeon_configs`"),
        ("send_resolved: true", "send_resolved: 1", "expected true or false"),
        ("webhook_configs: [{url: u}", "webhook_configs: [{max_alerts: -1}", "a whole number"),
        ("global:", "inhibit_rules: [{equl: [a]}]\nglobal:", "1:24: unknown key `equl`"),
        ("global:", "inhibit_rules: [{equal: [a-b]}]\nglobal:", "1:26: not a label name: 'a-b'"),
        ("global:", "receivers_: []\nglobal:", "unknown key `receivers_`"),
        ("  receiver: default\n", "  receiver: default\n  matchers: [a=b]\n", "the top route must"),
        ("  receiver: default\n", "", "`receiver` is missing"),
        ("route:", "rout:", "`route` is missing"),
        ("receivers:", "receiver:", "`receivers` is missing"),
    ],
)
def test_a_mistake_is_one_message_with_its_place(old: str, new: str, message: str) -> None:
    assert old in TREE
    with pytest.raises(RoutingError) as caught:
        parse_routing(TREE.replace(old, new, 1))
    assert message in str(caught.value)
    assert str(caught.value).startswith("alertmanager.yml:")


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "route: x\nreceivers: []", "receivers: 5"])
def test_nonsense_is_one_message_too(text: str) -> None:
    with pytest.raises(RoutingError, match=r"alertmanager\.yml"):
        parse_routing(text)


def test_a_file_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(RoutingError, match="cannot be read"):
        load_routing(tmp_path / "alertmanager.yml")


def test_an_alert_is_muted_by_another_of_the_same_place_but_not_by_itself() -> None:
    text = "inhibit_rules: [{source_match: {a: x}, target_matchers: ['b=~\".+\"'], equal: [zone]}]"
    routing = parse_routing(TREE.replace("global:", f"{text}\nglobal:"))
    source, target = {"a": "x", "zone": "1"}, {"b": "y", "zone": "1"}
    assert routing.muted(target, [target, source])
    assert not routing.muted(source, [target, source])
    assert not routing.muted(target | {"zone": "2"}, [source])
    assert not routing.muted(target, [{"a": "z", "zone": "1"}])
    assert routing.muted({"b": "y"}, [{"a": "x", "zone": ""}])
    both = {"a": "x", "b": "y", "zone": "1"}
    assert not routing.muted(both, [both])
    assert routing.muted(both, [both, source])
