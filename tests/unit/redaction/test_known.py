"""Values that a run knows are hidden in every coding; a short one never spoils other words."""

import base64
import json
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.events import CommandFinished
from rundrill.redaction import (
    BY_PATTERN,
    MARK,
    Known,
    Redactor,
    of_kubeconfig,
    of_names,
    prints_a_secret,
)

TOKEN = "k8s-aws-v1.aHR0cHM6Ly9zdHMu/+x y"
KUBECONFIG = {
    "users": [
        {"name": "a", "user": {"token": TOKEN, "client-certificate-data": "public-certificate"}},
        {"name": "b", "user": {"username": "bob", "password": "hunter2hunter2"}},
        {"name": "c", "user": {"client-key-data": "LS0tLS1CRUdJTiBYWVo="}},
        {"name": "d", "user": {"auth-provider": {"config": {"access-token": "provider-token-1"}}}},
        {"name": "e", "user": {"exec": {"command": "x", "env": [
            {"name": "CLIENT_SECRET", "value": "plugin-secret-1"},
            {"name": "AWS_PROFILE", "value": "staging-profile"},
        ]}}},
    ]
}  # fmt: skip


def test_the_credentials_of_a_kubeconfig_are_known_and_nothing_else_of_it() -> None:
    assert set(of_kubeconfig(KUBECONFIG)) == {
        TOKEN, "hunter2hunter2", base64.b64encode(b"bob:hunter2hunter2").decode(),
        "LS0tLS1CRUdJTiBYWVo=", "provider-token-1", "plugin-secret-1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [None, [], {}, {"users": 3}, {"users": [1, {}, {"user": 3}, {"user": {"exec": {"env": [1]}}}]},
     {"users": [{"user": {"auth-provider": {"config": 1}, "token": None}}]}],
)  # fmt: skip
def test_a_kubeconfig_that_is_none_holds_none(config: object) -> None:
    assert of_kubeconfig(config) == []


def test_of_the_environment_what_is_called_a_secret_is_known() -> None:
    assert of_names(
        {
            "AWS_SECRET_ACCESS_KEY": "aws-secret-1", "HOME": "/root", "PWD": "/work",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token", "AWS_REGION": "eu-west-1",
            "AZURE_CLIENT_SECRET": "azure-secret", "GOOGLE_TOKEN": "",
        }
    ) == ["aws-secret-1", "azure-secret"]  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [
        TOKEN, f"x{TOKEN}y", json.dumps({"x": TOKEN}), quote(TOKEN, safe=""),
        base64.b64encode(TOKEN.encode()).decode(), base64.b64encode(f"{TOKEN}\n".encode()).decode(),
    ],
)  # fmt: skip
def test_a_known_value_is_hidden_in_every_coding(form: str) -> None:
    told = Redactor(Known([TOKEN])).text(f"somewhere {form} in a text")
    assert form.strip('{}" x:') not in told
    assert MARK in told


def test_a_short_value_is_hidden_only_where_it_stands_alone() -> None:
    known = Redactor(Known(["production", "abc", ""]))
    assert known.text("in production:") == f"in {MARK}:"
    assert known.text("reproduction and production2") == "reproduction and production2"
    assert known.text("abc") == "abc"


def test_a_value_that_was_cut_in_the_middle_is_hidden_too() -> None:
    told = Redactor(Known([TOKEN])).text(f"x {TOKEN[:14]}\n[cut here: 99 more bytes]")
    assert told == f"x {MARK}\n[cut here: 99 more bytes]"
    kept = "x and y\n[cut here: 99 more bytes]"
    assert Redactor(Known([TOKEN])).text(kept) == kept


def test_what_is_known_is_not_told_by_its_picture() -> None:
    assert TOKEN not in repr(Known([TOKEN]))
    assert len(Known([TOKEN, TOKEN])) == 1


def test_the_rest_of_a_longer_value_does_not_stay() -> None:
    told = Redactor(Known(["secret-of-this-run", "secret-of-this-run-and-more"]))
    assert told.text("a secret-of-this-run-and-more b") == f"a {MARK} b"


@given(st.text(min_size=12, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_known_value_is_hidden_anywhere(value: str, before: str, after: str) -> None:
    value = value.strip()
    if len(value) >= 12:
        told = Redactor(Known([value])).text(f"{before}{value}{after}")
        assert value not in told or value in MARK


# ---------------------------------------------------------------- whatever is made of texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    text: str
    values: dict[str, object]
    words: tuple[str, ...]
    number: float = 1.0


def test_texts_are_found_in_whatever_holds_them() -> None:
    part = Part(
        text="PGPASSWORD=hunter2",
        values={"db-password": "hunter2", "port": 5432, "in": [{"token": "hunter2", "id": "a"}]},
        words=("psql", "--password", "hunter2", "-c", "SELECT 1"),
    )
    hidden = BY_PATTERN.value(part)
    assert hidden == Part(
        text=f"PGPASSWORD={MARK}",
        values={"db-password": MARK, "port": 5432, "in": [{"token": MARK, "id": "a"}]},
        words=("psql", "--password", MARK, "-c", "SELECT 1"),
    )
    assert BY_PATTERN.value(hidden) == hidden


def test_what_holds_no_secret_is_the_same_object() -> None:
    part = Part(text="x", values={"secret": "payment-secrets/KEY_NAME"}, words=("a", "b\x1fc"))
    assert BY_PATTERN.value(part) is part


def finished(*argv: str, stdout: str = "aHVudGVyMg==") -> CommandFinished:
    return CommandFinished(
        at=1.0, procedure="p", number=1, line=1, text=" ".join(argv), argv=argv, bound={},
        exit_code=0, duration_s=0.1, stdout=stdout, stderr="warning",
    )  # fmt: skip


SECRET_OUTPUT = [
    ("kubectl", "get", "secret", "db", "-o", "jsonpath={.data.password}"),
    ("kubectl", "get", "secret/db", "-ojsonpath={.data.password}"),
    ("kubectl", "-n", "production", "get", "secrets", "-o", "yaml"),
    ("kubectl", "get", "cm,secrets", "--output=json"),
    ("kubectl", "get", "secret", "db", "--template", "{{.data.password}}"),
    ("kubectl", "get", "secret", "db", "-o", "custom-columns=X:.data.password"),
    ("kubectl", "create", "token", "default"),
    ("kubectl", "config", "view", "--raw"),
    ("kubectl", "exec", "p", "--", "cat", "/run/secrets/db"),
    ("kubectl", "exec", "p", "--", "printenv", "DB_PASSWORD"),
    ("kubectl", "exec", "p", "--", "sh", "-c", "echo $DB_PASSWORD"),
    ("kubectl", "exec", "p", "--", "sh", "-c", "cat /root/.pgpass | head"),
    ("kubectl", "exec", "p", "--", "cat", "/proc/1/environ"),
]
OTHER_OUTPUT = [
    (),
    ("kubectl", "get", "secrets"),
    ("kubectl", "get", "secret", "db", "-o", "name"),
    ("kubectl", "get", "secrets", "-o", "wide"),
    ("kubectl", "get", "pods", "-o", "yaml"),
    ("kubectl", "describe", "secret", "db"),
    ("kubectl", "exec", "p", "--", "cat", "/proc/meminfo"),
    ("kubectl", "exec", "p", "--", "printenv", "LOG_LEVEL"),
    ("kubectl", "exec", "p", "--", "psql", "-c", "SELECT 1"),
    ("kubectl", "config", "view"),
    ("kubectl", "logs", "secret-service-1"),
]


@pytest.mark.parametrize("argv", SECRET_OUTPUT)
def test_an_output_that_may_be_a_bare_secret_is_hidden_whole(argv: tuple[str, ...]) -> None:
    hidden = BY_PATTERN.value(finished(*argv))
    assert hidden.stdout == f"{MARK}: 12 characters that may be a secret"
    assert (hidden.argv, hidden.stderr) == (argv, "warning")
    assert BY_PATTERN.value(finished(*argv, stdout="")).stdout == ""


@pytest.mark.parametrize("argv", OTHER_OUTPUT)
def test_every_other_output_is_kept(argv: tuple[str, ...]) -> None:
    assert not prints_a_secret(argv)
    event = finished(*argv)
    assert BY_PATTERN.value(event) is event
