"""Real threads and real HTTP on loopback: who is told, and what is said when nobody can be."""

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection.alerts import AlertSeries, AlertState, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.notify import (
    DeliveryFailure,
    Message,
    Notification,
    Notifier,
    Receiver,
    notifier,
    parse_routing,
)
from rundrill.detection.notify.delivery import WORKERS, Courier
from rundrill.detection.notify.message import Alert, body, fingerprint, read_body
from rundrill.errors import MachineError

CLOCK = MonotonicClock()
ROUTING = parse_routing(
    """
route: {receiver: on-call, group_by: [alertname], group_wait: 2s, group_interval: 5s}
receivers: [{name: on-call, webhook_configs: [{url: "http://pager.example/"}]}]
"""
)


def firing(*pods: str, since: float, name: str = "Down") -> dict[str, AlertState]:
    series = tuple(
        AlertSeries(
            labels=Labels({"alertname": name, "pod": pod}),
            value=1.0,
            status=AlertStatus.FIRING,
            active_since=since,
            fired_at=since,
        )
        for pod in pods
    )
    return {
        name: AlertState(
            status=AlertStatus.FIRING, since=since, labels=Labels(), value=1.0, series=series
        )
    }


def wait_for(found: Callable[[], object], what: str, budget_s: float = 10.0) -> None:
    deadline = time.monotonic() + budget_s
    while not found():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)  # noqa: TID251 - real threads are waited for


class Rig:
    def __init__(self, compression: float = 10.0) -> None:
        self.came: list[Notification] = []
        self.failures: list[DeliveryFailure] = []
        self.notifier = Notifier(
            ROUTING,
            compression=compression,
            clock=CLOCK,
            wall_offset_s=1e9,
            on_notification=self.came.append,
            on_failure=self.failures.append,
        )


@pytest.fixture
def rig() -> Iterator[Rig]:
    before = set(threading.enumerate())
    made = Rig()
    yield made
    made.notifier.stop()
    made.notifier.stop()
    wait_for(lambda: set(threading.enumerate()) <= before, "the threads of the notifier to end")


def test_a_firing_alert_is_told_when_its_compressed_wait_is_over(rig: Rig) -> None:
    rig.notifier.start()
    began = CLOCK.now()
    rig.notifier.take(firing("a", "b", since=began), began)
    wait_for(lambda: rig.came, "the first message")
    (told,) = rig.came
    assert 0.2 <= told.at - began < 2.0
    assert told.receiver == "on-call"
    assert told.firing
    assert {alert.labels["pod"] for alert in told.alerts} == {"a", "b"}
    assert {round(alert.starts_at - 1e9, 3) for alert in told.alerts} == {round(began, 3)}
    rig.notifier.take({}, CLOCK.now())
    wait_for(lambda: len(rig.came) == 2, "the message that it has ended")
    assert not rig.came[1].firing
    assert rig.notifier.failure is None
    assert rig.failures == []


def test_only_series_that_fire_are_told(rig: Rig) -> None:
    rig.notifier.start()
    state = firing("a", since=CLOCK.now())
    pending = AlertSeries(
        labels=Labels({"alertname": "Down", "pod": "b"}),
        value=1.0,
        status=AlertStatus.PENDING,
        active_since=0.0,
        fired_at=None,
    )
    down = state["Down"]
    rig.notifier.take(
        {
            "Down": AlertState(
                status=down.status,
                since=0.0,
                labels=Labels(),
                value=1.0,
                series=(*down.series, pending),
            )
        },
        CLOCK.now(),
    )
    wait_for(lambda: rig.came, "the message")
    assert [alert.labels["pod"] for alert in rig.came[0].alerts] == ["a"]


def test_between_two_drills_nothing_of_the_first_is_told_in_the_second(rig: Rig) -> None:
    rig.notifier.start()
    now = CLOCK.now()
    rig.notifier.take(firing("a", since=now), now)
    rig.notifier.begin()
    rig.notifier.take(firing("a", "b", since=now), now)
    wait_for(lambda: rig.came, "the message about the second")
    assert [alert.labels["pod"] for alert in rig.came[0].alerts] == ["b"]


def test_without_a_port_there_is_one_message_and_nothing_runs(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(notifier, "Receiver", full)
    with pytest.raises(MachineError, match="no port for the receiver of notifications: Address"):
        rig.notifier.start()


def test_a_notifier_that_was_never_started_stops(rig: Rig) -> None:
    assert rig.notifier.failure is None


def test_a_callback_that_fails_is_the_notifiers_failure(rig: Rig) -> None:
    def broken(_: Notification) -> None:
        raise OSError("the disk is full")

    rig.notifier._on_notification = broken
    rig.notifier.start()
    rig.notifier.take(firing("a", since=CLOCK.now()), CLOCK.now())
    wait_for(lambda: rig.notifier.failure is not None, "the failure")
    assert "the disk is full" in str(rig.notifier.failure)


# ---------------------------------------------------------------- the courier alone


def message(number: int = 0, *, gives_up_in_s: float = 0.0) -> Message:
    labels = Labels({"alertname": "Down", "pod": str(number)})
    return Message(
        number=number,
        receiver="on-call",
        group_key="{}:{}",
        group_labels=Labels(),
        alerts=(Alert(labels=labels, starts_at=0.0),),
        truncated=0,
        give_up_at=CLOCK.now() + gives_up_in_s,
    )


class Delivered:
    def __init__(self, port: int) -> None:
        self.ends: list[tuple[int, bool]] = []
        self.failures: list[DeliveryFailure] = []
        self.courier = Courier(
            port,
            clock=CLOCK,
            wall_offset_s=0.0,
            on_end=lambda m, arrived: self.ends.append((m.number, arrived)),
            on_failure=self.failures.append,
        )
        self.courier.start()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_receiver_that_is_down_is_told_once_and_the_message_given_up() -> None:
    sent = Delivered(free_port())
    try:
        sent.courier.send(message(gives_up_in_s=1.6))
        wait_for(lambda: sent.ends, "the end of the message")
    finally:
        sent.courier.stop()
    assert sent.ends == [(0, False)]
    (failure,) = sent.failures
    assert failure.receiver == "on-call"
    assert failure.alerts == ("Down",)
    assert "refused" in failure.error


def test_a_receiver_that_comes_back_in_time_is_told_after_all() -> None:
    port = free_port()
    sent = Delivered(port)
    came: list[bytes] = []
    try:
        sent.courier.send(message(gives_up_in_s=20.0))
        wait_for(lambda: sent.failures, "the first failure")
        with answering(port, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", came):
            wait_for(lambda: sent.ends, "the end of the message")
    finally:
        sent.courier.stop()
    assert sent.ends == [(0, True)]
    assert len(sent.failures) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", "HTTP 404 none"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP 503"),
        (b"nonsense\r\n", "BadStatusLine: nonsense"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_an_answer_that_is_no_yes_is_a_failure(answer: bytes, error: str) -> None:
    port = free_port()
    with answering(port, answer, []):
        sent = Delivered(port)
        try:
            sent.courier.send(message())
            wait_for(lambda: sent.ends, "the end of the message")
        finally:
            sent.courier.stop()
    assert sent.ends == [(0, False)]
    assert error in sent.failures[0].error


def test_receivers_that_hang_keep_a_bounded_number_of_threads_and_the_stop_short() -> None:
    before = threading.active_count()
    with socket.socket() as deaf:  # takes connections, and never reads
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        sent = Delivered(deaf.getsockname()[1])
        for number in range(50):
            sent.courier.send(message(number, gives_up_in_s=60.0))
        assert threading.active_count() <= before + WORKERS
        began = time.monotonic()
        sent.courier.stop()
        assert time.monotonic() - began < 20.0
    assert len(sent.ends) <= WORKERS


class answering:  # noqa: N801 - a context manager that reads like a word
    """A server that reads a message and gives one fixed answer."""

    def __init__(self, port: int, answer: bytes, came: list[bytes]) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen()
        self._socket.settimeout(0.1)
        self._answer, self._came = answer, came
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._done.is_set():
            with suppress(OSError):
                connection, _ = self._socket.accept()
                with connection:
                    connection.settimeout(2.0)
                    text = b""
                    while not text.endswith(b"}"):
                        text += connection.recv(65536)
                    self._came.append(text)
                    connection.sendall(self._answer)


# ---------------------------------------------------------------- the receiver alone


@pytest.fixture
def inbox() -> Iterator[tuple[Receiver, list[Notification]]]:
    came: list[Notification] = []
    receiver = Receiver(came.append, clock=CLOCK)
    yield receiver, came
    receiver.close()
    receiver.close()


def post(url: str, text: bytes) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, text), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "not a webhook message of version 4"),
        (b'{"version": "3"}', "not a webhook message of version 4"),
        (b'{"version": "4"}', "not a whole message: 'receiver'"),
        (b'{"version": "\xff"}', "codec can't decode"),
    ],
)
def test_what_is_no_message_is_refused_and_told_to_its_sender(
    inbox: tuple[Receiver, list[Notification]], text: bytes, why: str
) -> None:
    receiver, came = inbox
    status, said = post(receiver.url, text)
    assert status == 400
    assert why in said
    assert came == []


def test_a_message_counts_when_it_has_come_in_completely(
    inbox: tuple[Receiver, list[Notification]],
) -> None:
    receiver, came = inbox
    text = body(message(), 0.0)
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(len(text)))
    connection.endheaders(text[:10])
    threading.Event().wait(0.2)
    assert came == []
    sent = CLOCK.now()
    connection.send(text[10:])
    assert connection.getresponse().status == 200
    connection.close()
    assert came[0].at >= sent


def test_a_sender_that_goes_away_in_the_middle_told_nobody(
    inbox: tuple[Receiver, list[Notification]],
) -> None:
    receiver, came = inbox
    with socket.create_connection(("127.0.0.1", receiver.port)) as half:
        half.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert post(receiver.url, body(message(), 0.0))[0] == 200
    assert len(came) == 1


def test_a_message_without_a_length_or_without_an_end_is_refused(
    inbox: tuple[Receiver, list[Notification]],
) -> None:
    receiver, came = inbox
    for header, status in (("", b"411"), ("Content-Length: 99999999999\r\n", b"413")):
        with socket.create_connection(("127.0.0.1", receiver.port)) as one:
            one.sendall(f"POST / HTTP/1.1\r\n{header}\r\n".encode())
            assert status in one.recv(1000)
    assert came == []


def test_a_message_is_the_same_when_it_has_been_read_again() -> None:
    labels = Labels({"alertname": "Äger", "pod": 'a"b'})
    sent = Message(
        number=1,
        receiver="on-call",
        group_key='{}:{alertname="Äger"}',
        group_labels=labels.only(["alertname"]),
        alerts=(
            Alert(labels=labels, starts_at=1.25),
            Alert(labels=labels.updated({"pod": "c"}), starts_at=1.0, ends_at=2.0),
        ),
        truncated=0,
        give_up_at=0.0,
    )
    read = read_body(body(sent, 1_700_000_000.0), 5.0)
    assert (read.at, read.receiver, read.group_key, read.firing) == (
        5.0, "on-call", sent.group_key, True,
    )  # fmt: skip
    assert [(dict(a.labels), a.firing, a.starts_at) for a in read.alerts] == [
        (dict(labels), True, 1_700_000_001.25),
        ({**labels, "pod": "c"}, False, 1_700_000_001.0),
    ]
    written = json.loads(body(sent, 0.0))
    assert written["commonLabels"] == {"alertname": "Äger"}
    assert written["alerts"][0]["fingerprint"] == fingerprint(labels)


def test_times_are_read_as_go_writes_them() -> None:
    written = json.loads(body(message(), 0.0))
    for text, unix in (
        ("2026-11-30T23:02:19.816123456Z", 1796079739.816123),
        ("2026-11-30T23:02:19+01:00", 1796076139.0),
    ):
        written["alerts"][0]["startsAt"] = text
        told = read_body(json.dumps(written).encode(), 0.0).alerts[0]
        assert told.starts_at == pytest.approx(unix, abs=1e-5)
    written["alerts"][0]["startsAt"] = "yesterday"
    with pytest.raises(ValueError, match="not a time"):
        read_body(json.dumps(written).encode(), 0.0)
