"""A real Alertmanager that tells us: what is asked of it before a drill, and what of a silence."""

import http.server
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection.notify import (
    Alertmanager,
    DeliveryFailure,
    Notification,
    RemoteNotifier,
    find_alertmanager,
)
from rundrill.errors import MachineError, RoutingError, RundrillError
from tests.unit.detection.notify.alertmanager_api import (
    CONFIG,
    FakeAlertmanager,
    alert,
    free_port,
    post,
    serving,
)

CLOCK = MonotonicClock()


@dataclass
class There:
    """A fake Alertmanager at a URL, whose configuration names `port`."""

    fake: FakeAlertmanager
    url: str
    port: int

    def configure(self, url: str, config: str = CONFIG) -> None:
        self.fake.config = config.replace("OURS", url)

    def find(self) -> Alertmanager:
        return find_alertmanager(self.url, port=self.port, alerts={"Down"}, clock=CLOCK)

    def refused(self) -> str:
        with pytest.raises(RundrillError) as refused:
            self.find()
        assert isinstance(refused.value, RoutingError)
        assert refused.value.path == self.url
        assert refused.value.fix
        return str(refused.value)


@pytest.fixture
def there() -> Iterator[There]:
    fake = FakeAlertmanager()
    with serving(fake) as url:
        made = There(fake, url, free_port())
        made.configure(f"http://127.0.0.1:{made.port}/")
        yield made


def test_one_that_names_our_receiver_is_taken_with_its_own_waits(there: There) -> None:
    found = there.find()
    assert found.description == f"Alertmanager 0.25.0 at {there.url}"
    assert (found.receivers, found.seen) == (("on-call",), True)
    assert found.group_wait_s({"alertname": "Down", "severity": "critical"}) == 7.0
    assert found.group_wait_s({"alertname": "Down"}) is None  # that is for others


@pytest.mark.parametrize("form", ["http://localhost:{}/hook", "http://127.0.0.1:{}"])
def test_our_port_counts_and_not_its_path(there: There, form: str) -> None:
    there.configure(form.format(there.port))
    assert there.find().seen


@pytest.mark.parametrize(
    "url",
    ["http://pager.example:{}/", "http://127.0.0.1:1/", "https://127.0.0.1:{}/", "http://127.0.0.1",
     "http://127.0.0.1:many/"],
)  # fmt: skip
def test_one_that_tells_others_only_is_refused_with_the_lines_to_add(
    there: There, url: str
) -> None:
    there.configure(url.format(there.port))
    told = there.refused()
    assert f"no receiver of its configuration tells http://127.0.0.1:{there.port}/" in told
    assert f"`webhook_configs: [{{url: 'http://127.0.0.1:{there.port}/'}}]`" in told


def test_hidden_urls_are_taken_and_told_as_unseen(there: There) -> None:
    there.configure("<secret>")
    found = there.find()
    assert (found.receivers, found.seen) == (("on-call",), False)


def test_a_configuration_that_we_do_not_read_has_waits_that_are_not_known(there: There) -> None:
    there.fake.config += "time_travel: true\n"
    found = there.find()
    assert found.routing is None
    assert found.group_wait_s({"alertname": "Down", "severity": "critical"}) is None


def test_a_receiver_that_no_route_leads_to_is_refused(there: There) -> None:
    there.configure(
        f"http://127.0.0.1:{there.port}/",
        CONFIG.replace("- receiver: on-call", "- receiver: tickets"),
    )
    told = there.refused()
    assert "no route of its configuration leads to on-call" in told
    assert "give the webhook to the receiver that your routes lead to" in told


def test_one_that_is_still_settling_is_refused(there: There) -> None:
    there.fake.cluster = "settling"
    assert "is not ready: settling" in there.refused()


def test_one_that_has_the_alert_already_is_refused(there: There) -> None:
    """Nobody would be told again, and the drill would take that for silence."""
    there.fake.alerts = [alert("Other")]
    there.find()
    there.fake.alerts.append(alert("Down"))
    assert "Down fires in it already" in there.refused()


@pytest.mark.parametrize("config", ["", "5", "route: {", "receivers: [{}]", "receivers: 5"])
def test_a_status_that_is_none_is_one_message(there: There, config: str) -> None:
    there.fake.config = config
    with pytest.raises(RoutingError, match="not an Alertmanager's answer"):
        there.find()


def test_a_port_that_is_taken_is_refused_before_and_at_the_start(there: There) -> None:
    found = there.find()
    made, _, _ = notifier(found)
    with http.server.HTTPServer(("127.0.0.1", there.port), http.server.BaseHTTPRequestHandler):
        with pytest.raises(MachineError, match="cannot be listened to: Address already") as refused:
            there.find()
        assert "--receiver-port" in str(refused.value)
        with pytest.raises(MachineError, match="cannot be listened to"):
            made.start()
        made.stop()


def notifier(
    found: Alertmanager,
) -> tuple[RemoteNotifier, list[Notification], list[DeliveryFailure]]:
    came: list[Notification] = []
    failed: list[DeliveryFailure] = []
    made = RemoteNotifier(found, clock=CLOCK, on_notification=came.append, on_failure=failed.append)
    return made, came, failed


def test_what_it_posts_is_told_with_the_time_it_came(there: There) -> None:
    made, came, _ = notifier(there.find())
    made.start()
    try:
        made.take({}, 1.0)
        made.begin()
        assert came == []
        before = CLOCK.now()
        post(there.port, "Down")
        assert before <= came[0].at <= CLOCK.now()
        assert [(n.receiver, n.alerts[0].labels) for n in came] == [
            ("on-call", {"alertname": "Down"})
        ]
        assert made.failure is None
    finally:
        made.stop()
        made.stop()
    with pytest.raises(OSError, match="refused"):
        post(there.port, "Down")


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ([], "the Alertmanager does not have Down"),
        ([alert("Other")], "the Alertmanager does not have Down"),
        ([alert("Down"), alert("Down")], "the Alertmanager has Down: active for on-call"),
        (
            [alert("Down", "suppressed", silencedBy=["a"], inhibitedBy=["b"])],
            "the Alertmanager has Down: suppressed (silenced and inhibited) for on-call",
        ),
    ],
)
def test_an_alert_of_which_nobody_was_told_is_looked_for(
    there: There, held: list[dict[str, object]], told: str
) -> None:
    made, _, failed = notifier(there.find())
    there.fake.alerts = held
    assert made.why_untold({"Down"}) == told
    assert failed == []


def test_one_that_is_gone_is_a_failure_and_no_silence() -> None:
    fake = FakeAlertmanager(CONFIG.replace("OURS", f"http://127.0.0.1:{(port := free_port())}"))
    with serving(fake) as url:
        made, _, failed = notifier(There(fake, url, port).find())
    assert "the Alertmanager does not answer" in made.why_untold({"Down"})
    assert [(f.receiver, f.alerts) for f in failed] == [("on-call", ("Down",))]
    assert "does not answer" in failed[0].error
