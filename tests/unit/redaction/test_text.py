"""What is hidden, and what stays: both matter, since a report is evidence."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rundrill.redaction import MARK, redact

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAK5\nq9hunter2Zz\n-----END RSA PRIVATE KEY-----"
EC_KEY = "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSUh1bnRlcjI="
RSA_KEY = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFaHVudGVyMg=="
CERTIFICATE = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURIVENDQWdXZ0F3SUJBZ0lV"

HIDDEN = [
    # names and values
    ("PGPASSWORD=hunter2", "hunter2"),
    ("PGPASSWORD=hunter2 psql -h db -U payments", "hunter2"),
    ("DB_PASSWORD=correct horse battery\nOTHER=x", "battery"),
    ("export API_KEY='hunter 2x'", "hunter 2x"),
    ("DATABASE_PASSWORD:  hunter2", "hunter2"),
    ("      DATABASE_PASSWORD:  hunter2 with words\n      LOG_LEVEL: info", "words"),
    ('{"password":"hunter2","user":"u"}', "hunter2"),
    ('{"password": "hun\\"ter2", "user": "u"}', "ter2"),
    ("{'client_secret': 'hunter2'}", "hunter2"),
    ('{"auth": {"accessToken": "hunter2hunter2"}}', "hunter2"),
    ('"{\\"password\\":\\"hunter2\\",\\"user\\":\\"u\\"}"', "hunter2"),
    ("level=error msg=login password=hunter2 user=bob", "hunter2"),
    ("level=error msg=login password=hun,ter2;x user=bob", "ter2"),
    ("{Password:hunter2 User:bob}", "hunter2"),
    ("GET /pay?token=hunter2&amount=5", "hunter2"),
    ("spring.datasource.password=hunter2", "hunter2"),
    ("jdbc:postgresql://db/p?user=u&password=hunter2", "hunter2"),
    ("Server=db;Uid=u;Pwd=hunter2;", "hunter2"),
    ("password: |\n  hunter2\n  second\nnext: line", "second"),
    ("  password: >-\n    hunter2\n  user: bob", "hunter2"),
    ("secret => hunter2", "hunter2"),
    ("api_key_prod: hunter2", "hunter2"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    ("    client-key-data: LS0thunter2", "LS0thunter2"),
    (".dockerconfigjson: eyJhdXRocyI6e319hunter2", "hunter2"),
    ("password=123456", "123456"),
    ("AccountKey=hunter2/abc==;EndpointSuffix=core", "hunter2"),
    # pods
    ("env:\n- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b", "hunter2"),
    ('{"name":"DB_PASSWORD","value":"hunter2"}', "hunter2"),
    ('{\n  "name": "DB_PASSWORD",\n  "value": "hunter2"\n}', "hunter2"),
    ('[{"op":"replace","path":"/data/password","value":"hunter2"}]', "hunter2"),
    ("spec.containers[0].env[1 DB_PASSWORD].value was 'hunter2', is 'hunter3'", "hunter2"),
    ("spec.containers[0].env[1 DB_PASSWORD].value was 'hunter2', is 'hunter3'", "hunter3"),
    ("configmap/production/c: data.db-password was 'hunter2', is 'absent'", "hunter2"),
    ("configmap/production/c: data.DB_PASSWORD was 'a b c', is 'hunter3'", "hunter3"),
    ("c: data.app.yaml was 'db:\\n  password: hunter2\\n  port: 5', is 'absent'", "hunter2"),
    ("c: data.app.yaml was 'absent', is 'url: postgres://u:hunter2@db/x'", "hunter2"),
    # Secrets
    ("apiVersion: v1\ndata:\n  a: aHVudGVyMg==\nkind: Secret\n", "aHVudGVyMg"),
    ("kind: Secret\nstringData:\n  a: hunter2\n  b: |\n    more hunter3\ntype: Opaque", "hunter3"),
    ('{"data":{"a":"aHVudGVyMg=="},"kind":"Secret"}', "aHVudGVyMg"),
    ('x: {\\"data\\":{\\"a\\":\\"aHVudGVyMg==\\"},\\"kind\\":\\"Secret\\"}', "aHVudGVyMg"),
    # flags
    ("mytool --password hunter2 --host db", "hunter2"),
    ("mytool --db-password=hunter2 --host db", "hunter2"),
    ("mytool --token 'hunter 2'", "hunter 2"),
    ("mytool\x1f--password\x1fhunter2\x1f--host", "hunter2"),
    ("java -password hunter2", "hunter2"),
    ("mysql -u root -phunter2 payments", "hunter2"),
    ("kubectl exec p -- mysqldump -uroot -p'hunter2' db", "hunter2"),
    ("sshpass -p hunter2 ssh host", "hunter2"),
    ("mongosh -u a -p hunter2", "hunter2"),
    ("redis-cli -a hunter2 ping", "hunter2"),
    ("curl -u bob:hunter2 https://x", "hunter2"),
    ("docker login -u bob -p hunter2", "hunter2"),
    ("kubectl\x1fexec\x1fp\x1f--\x1fmysql\x1f-phunter2", "hunter2"),
    ("kubectl create secret generic x --from-literal=pin=hunter2", "hunter2"),
    ("kubectl set env deployment/x API_TOKEN=hunter2", "hunter2"),
    # URLs
    ("postgres://payments:hunter2@db:5432/payments", "hunter2"),
    ("redis://:hunter2@cache:6379/0", "hunter2"),
    ("amqp://u:hun@ter2@mq/", "ter2"),
    ("amqp://u:hun/ter2@mq/", "ter2"),
    ("https://0123456789abcdef0123456789abcdef@sentry.io/5", "0123456789abcdef"),
    ("payments:hunter2@tcp(db:3306)/payments", "hunter2"),
    ("https://hooks.slack.com/services/T00000000/B00000000/hunter2hunter2", "hunter2"),
    # headers
    ("Authorization: Bearer hunter2hunter2", "hunter2"),
    ("> authorization: Basic Ym9iOmh1bnRlcjI=", "Ym9iOmh1bnRlcjI"),
    ("curl -H 'Authorization: token hunter2' https://x", "hunter2"),
    ('{"headers":{"Authorization":"hunter2x","Accept":"*"}}', "hunter2x"),
    ('Authorization: Digest username="bob", response="hunter2"', "bob\", response=\"hunter2"),
    ("X-Api-Key: hunter2", "hunter2"),
    ("Set-Cookie: session=hunter2; Path=/", "hunter2"),
    ("got bearer hunter2hunter2 from client", "hunter2"),
    # shapes
    (f"no name before it {JWT} and on", JWT[:30]),
    (f"cut {JWT[:60]}", JWT[40:60]),
    (PEM, "hunter2"),
    (PEM.replace("\n", "\\n"), "hunter2"),
    (PEM[:70], PEM[40:70]),
    (f"certificate {EC_KEY}", EC_KEY[20:]),
    (f"key: {RSA_KEY}", RSA_KEY[20:]),
    ("ghp_" + "a1B2" * 9, "a1B2a1B2"),
    ("STRIPE sk_live_" + "a1B2" * 6, "a1B2a1B2"),
    ("xoxb-1234567890-hunter2", "hunter2"),
]  # fmt: skip

KEPT = [
    "",
    "ok",
    "pod/payment-service-6d4cf56db6-x2x9k   1/1   Running   3 (5m ago)   10m",
    "image: registry.acme.io/pay@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b",
    "commit 5ed3c31f0c7b4f6aa7b9c1f6f2a5b0a4a9f0d1c2",
    "payment pay_01HX3Z5K8Q9W2E4R6T7Y8U0I0P captured, key 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "idempotency_key=3f2504e0-4f89-11d3-9a0c-0305e82c3301 status=captured amount_minor=1999",
    "ch_3MmlLrLkdIwHu7ix0snN0B15 pi_3MtwBwLkdIwHu7ix28a3tqPa",
    "secretName: payment-tls",
    "imagePullSecret: regcred",
    "existingSecret: payment-db",
    "secretKeyRef:\n  key: password\n  name: payment-secrets",
    "DB_PASSWORD:  <set to the key 'DB_PASSWORD' in secret 'payment-secrets'>  Optional: false",
    "automountServiceAccountToken: false",
    "max_tokens=4096 tokens: 512",
    'MountVolume.SetUp failed for volume "x" : secret "payment-db" not found',
    'FATAL:  password authentication failed for user "payments"',
    "the token of the account had expired",
    "authorization: denied for bob",
    "Bearer authentication is required",
    "kubectl logs -p payment-service-6d4cf56db6-x2x9k -n production",
    'kubectl patch deployment x -p \'{"spec":{"replicas":3}}\'',
    'psql -h db -p 5432 -U payments -c "SELECT 1"',
    "mysql -u root -p payments",
    "kubectl logs mysql-0 -p",
    "docker run -p 8080:80 nginx",
    "curl -u bob https://x",
    "mkdir -p /tmp/x; ssh -p 2222 git@github.com:acme/x.git",
    "http://payment-service.production:8080/health?mail=a@b.de",
    "https://user@host/x git@github.com:acme/pay.git",
    "password=$DB_PASSWORD token=${TOKEN} secret=$(cat /x) key: {{ .Values.x }} pwd=<password>",
    "password: [redacted]",
    "PWD=/app OLDPWD=/",
    "kubectl create configmap x --from-literal=LOG_LEVEL=info",
    "secret=payment-secrets/DB_PASSWORD",
    "kind: ConfigMap\ndata:\n  LOG_LEVEL: info\n",
    "-----BEGIN CERTIFICATE-----\nMIIDHTCCAgWgAwIBAgIU\n-----END CERTIFICATE-----",
    f"certificate-authority-data: {CERTIFICATE}",
    "deployment/production/p: spec.replicas was 3, is 5",
    "configmap/production/c: data.LOG_LEVEL was 'info', is 'debug'",
    "spec.template.spec.containers[0].env[2 LOG_LEVEL].value was 'info', is 'debug'",
    "2026-03-08T12:00:00.000Z INFO payment-service started, 12.5 ms, 99.9%",
    "compass: 12, bypass: 3, passed: 40, pass: 7",
    "PaymentSuccessRateLow is firing; P1; runbook.md:66",
    "tokenizer: bpe, secretary: bob, passwordless: true",
    "--token-ttl 5m --secret-name payment-db",
]


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret in text
    hidden = redact(text)
    assert secret not in hidden
    assert MARK in hidden


@pytest.mark.parametrize("text", KEPT)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_once_is_enough(text: str, secret: str) -> None:
    del secret
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_json_stays_json(text: str, secret: str) -> None:
    del secret
    for indent in (None, 1):
        packed = json.dumps({"before": "a: b", "text": text, "after": [1, "x"]}, indent=indent)
        told = json.loads(redact(packed))
        assert (told["before"], told["after"]) == ("a: b", [1, "x"])


@pytest.mark.parametrize("text", KEPT)
def test_in_a_longer_text_only_the_secret_goes(text: str) -> None:
    around = f"{text}\nPGPASSWORD=hunter2\n{text}\n"
    assert redact(around) == f"{text}\nPGPASSWORD={MARK}\n{text}\n"


_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_.!"
_SECRET = st.text(_ALPHABET, min_size=8, max_size=40).filter(
    lambda text: any(char.isdigit() for char in text) and text[0] not in "-/." and text[-1] != "."
)
_FORMS = [
    "PGPASSWORD={}", "x\nDB_PASSWORD: {}\ny", '{{"apiKey":"{}"}}', "a password={} b",
    "postgres://u:{}@h/d", "--password={}", "--token {} x", "- name: A_TOKEN\n  value: {}\n",
    "Authorization: Bearer {}", "mysql -p{} db", "mongosh -p {}", 'set {{"password": "{}"}}',
]  # fmt: skip


@given(secret=_SECRET, form=st.sampled_from(_FORMS))
def test_any_secret_in_a_known_form_is_hidden(secret: str, form: str) -> None:
    assert secret not in redact(form.format(secret)).replace(MARK, "")


@given(st.text())
def test_any_text_can_be_redacted_twice(text: str) -> None:
    assert redact(redact(text)) == redact(text)


_PIECES = st.sampled_from([
    "password", "=", ": ", "secret", '"', "\\", "'", "\n", " ", "eyJ",
    "-----BEGIN PRIVATE KEY-----",
    "://", ":", "@", "Bearer ", "Authorization: ", "mysql ", "-p", "--token ", "name: ", "value: ",
    " was '", "', is '", "{", "}", "kind: Secret", "data:", "|\n", "\x1f", "a", "-", ".", "1",
    "LS0tLS1CRUdJTi", '"data": {', "create secret", "--from-literal=", "token", "\t", ",", ";", "<",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_any_heap_of_pieces_is_redacted_without_an_error(text: str) -> None:
    once = redact(text)
    assert redact(once).count(MARK) <= once.count(MARK) + once.count("=") + once.count(":") + 9


@settings(deadline=None, max_examples=60)
@given(st.lists(_PIECES, min_size=1, max_size=4).map("".join))
def test_the_time_grows_with_the_text_and_not_faster(piece: str) -> None:
    # A quadratic pattern took minutes for this size; a linear one takes some tens of milliseconds.
    text = (piece * (40_000 // len(piece) + 1))[:40_000]
    begun = time.process_time()
    redact(text)
    assert time.process_time() - begun < 1.0


def test_a_megabyte_takes_a_short_time() -> None:
    text = "".join(
        f"{kept}\n{hidden}\n" for (hidden, _), kept in zip(HIDDEN * 99, KEPT * 99, strict=False)
    )
    begun = time.process_time()
    assert MARK in redact((text * 4)[:1_000_000])
    assert time.process_time() - begun < 10.0
