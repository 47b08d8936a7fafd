"""Service names in texts."""

import pytest

from localcluster.network.names import Destination, rewrite


def _rewritten(text: str) -> tuple[str, list[Destination]]:
    asked: list[Destination] = []

    def address_of(destination: Destination) -> str:
        asked.append(destination)
        return "127.9.128.1"

    return rewrite(text, address_of), asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://auth.gateways.svc.cluster.local:8080/x", "http://127.9.128.1:8080/x"),
        ("auth.gateways.svc", "127.9.128.1"),
        ("auth.gateways.svc.cluster.local.", "127.9.128.1"),
        ("postgresql://u:p@db.database.svc.cluster.local/x", "postgresql://u:p@127.9.128.1/x"),
        ("a.b.svc,c.d.svc", "127.9.128.1,127.9.128.1"),
        ("- host: a.b.svc\n", "- host: 127.9.128.1\n"),
    ],
)
def test_a_name_becomes_an_address(text: str, expected: str) -> None:
    assert _rewritten(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "auth.gateways",
        "a.b.svcs",
        "a.b.svc.example.com",
        "a.b.svc-x",
        "https://svc.cluster.local",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert _rewritten(text) == (text, [])


def test_one_pod_behind_a_headless_service_can_be_named() -> None:
    _, asked = _rewritten("db-0.db.database.svc.cluster.local:5432")
    assert asked == [Destination(namespace="database", service="db", host="db-0")]
