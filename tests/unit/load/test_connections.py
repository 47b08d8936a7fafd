import time

import pytest

from load import connections as module
from load.connections import Connections, check_host


@pytest.fixture
def connect(service):
    opened = []

    def connect(**options):
        opened.append(Connections(service.url, **{"keep": 3, "timeout_s": 5, **options}))
        return opened[-1]

    yield connect
    for connections in opened:
        connections.close()


def get(connections):
    return connections.send("GET", "/payments", None, {})[0]


def test_requests_take_turns_on_several_kept_connections(service, connect):
    connections = connect(keep=3)
    assert [get(connections) for _ in range(12)] == [200] * 12
    assert len(service.connections) == 3


def test_a_connection_is_replaced_after_its_life(service, connect, monkeypatch):
    connections = connect(keep=1)
    get(connections)
    now = time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() + 2 * module.LIFE_S)
    get(connections)
    assert len(service.connections) == 2


def test_a_connection_idle_for_long_is_not_trusted(service, connect, monkeypatch):
    connections = connect(keep=1)
    get(connections)
    now = time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() + module.IDLE_S)
    get(connections)
    assert len(service.connections) == 2


def test_a_connection_that_the_server_closed_is_not_used_again(service, connect):
    service.close_after_answer = True
    connections = connect(keep=1)
    for _ in range(3):
        assert get(connections) == 200
        deadline = time.monotonic() + 5
        idle = connections._idle[0].http.sock
        while not module.select.select([idle], [], [], 0.05)[0]:
            assert time.monotonic() < deadline
    assert len(service.connections) == 3


def test_a_request_that_got_no_answer_does_not_poison_the_next(service, connect):
    connections = connect(keep=1, timeout_s=0.05)
    service.go.clear()
    with pytest.raises(TimeoutError):
        get(connections)
    service.go.set()
    connections._timeout_s = 5
    assert get(connections) == 200
    assert len(service.connections) == 2


def test_a_refused_connection_is_not_counted_as_open(connect, service):
    connections = connect(keep=1)
    connections._port = 1
    with pytest.raises(ConnectionRefusedError):
        get(connections)
    connections._port = service.server.server_port
    get(connections)
    assert get(connections) == 200
    assert len(service.connections) == 1


def test_a_path_in_the_host_comes_before_every_path(service):
    connections = Connections(service.url + "/shop/", keep=1, timeout_s=5)
    get(connections)
    connections.close()
    assert service.requests[0][1] == "/shop/payments"


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1:80", "ftp://x", "http://", "http://x:no", "http://["]
)
def test_a_host_that_is_no_web_address_is_refused_with_a_fix(host):
    with pytest.raises(ValueError, match=r"(?s)--host .*: not a web address.*fix: "):
        check_host(host)
