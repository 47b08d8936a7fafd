import errno
import http.client
import socket
import ssl

import pytest

from load.outcome import answered, unanswered


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_acknowledged_payment_has_its_id(status):
    outcome = answered(status, b'{"id": "pay_1"}', pays=True)
    assert outcome.ok
    assert outcome.payment == "pay_1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"id": 5}', b'{"id": ""}'])
def test_a_payment_acknowledged_without_an_id_is_no_success(body):
    outcome = answered(201, body, pays=True)
    assert not outcome.ok
    assert (outcome.status, outcome.error) == (201, "no-payment-id")


@pytest.mark.parametrize(
    ("status", "ok", "retry"),
    [(200, True, False), (404, False, False), (429, False, False), (503, False, True)],
)
def test_success_is_what_the_customer_would_call_one(status, ok, retry):
    outcome = answered(status, b"", pays=False)
    assert (outcome.ok, outcome.unanswered) == (ok, retry)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "refused"),
        (http.client.RemoteDisconnected(), "closed"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (socket.gaierror(), "unresolved"),
        (ssl.SSLError(), "tls"),
        (OSError(errno.EHOSTUNREACH, "x"), "ehostunreach"),
        (http.client.IncompleteRead(b""), "protocol"),
        (OSError("?"), "oserror"),
    ],
)
def test_every_way_to_get_no_answer_has_its_word(error, word):
    outcome = unanswered(error)
    assert (outcome.status, outcome.error, outcome.reason) == (None, word, word)
    assert outcome.unanswered
    assert not outcome.ok
