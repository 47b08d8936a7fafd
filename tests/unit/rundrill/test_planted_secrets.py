"""Secrets planted in environment, arguments, logs and ConfigMaps: none is in any file of a run.

A real responder runs a stand-in for kubectl that prints them; the events go the way of every drill.
"""

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from rundrill import cli, experiment, report, verdict
from rundrill.base import out
from rundrill.base.clock import MonotonicClock
from rundrill.claims import Command
from rundrill.errors import TargetError
from rundrill.events import (
    AlertChanged,
    CommandFinished,
    DrillEnded,
    DrillFailed,
    DrillStarted,
    EventLog,
    FaultInjected,
    FaultUndone,
    MoneyChecked,
    Restored,
    ScrapeFailed,
    read,
)
from rundrill.model import BlastRadius, Edit, PlannedStep
from rundrill.permissions import merged
from rundrill.preview.drill import Preview, Previewed
from rundrill.report import Console
from rundrill.responder import AutoResponder, Kubectl
from rundrill.run_secrets import redactor_of
from rundrill.target.snapshot import differences
from tests.fakes import PLAN, plan

TOKEN = "kubeconfig-bearer-token-4711"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkLTA4MTUifQ.cGxhbnRlZC1zaWduYXR1cmU"
ENVIRONMENT = "planted-aws-key-99"
KUBECONFIG = f"""
apiVersion: v1
kind: Config
users:
  - name: a
    user: {{token: {TOKEN}}}
"""
PRINTED = {
    "logs": f"""\
2026-03-08 INFO payment pay_01HX3Z5K8Q9W2E4R6T7Y8U0I0P captured
2026-03-08 INFO connecting to postgres://payments:planted-url-1@db:5432/payments
2026-03-08 DEBUG > Authorization: Bearer planted-bearer-22
2026-03-08 DEBUG jwt {JWT}
2026-03-08 DEBUG login user=bob password=planted-log-3
2026-03-08 DEBUG upstream said: who is {TOKEN}?
2026-03-08 DEBUG env dump: aws {ENVIRONMENT}
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEplantedpem4
-----END EC PRIVATE KEY-----
2026-03-08 INFO image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
""",
    "describe": """\
    Environment:
      DATABASE_PASSWORD:  planted-describe-5
      API_KEY:            <set to the key 'key' in secret 'payment-secrets'>  Optional: false
      LOG_LEVEL:          info
""",
    "get": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  LOG_LEVEL: info
  db-password: planted-configmap-6
  application.yaml: |
    spring:
      datasource:
        password: planted-nested-7
        url: jdbc:postgresql://db/p
---
kind: Pod
spec:
  containers:
  - env:
    - name: STRIPE_API_KEY
      value: planted-env-8
    - name: PORT
      value: "8080"
---
kind: Secret
data:
  anything: cGxhbnRlZC1zZWNyZXQtOQ==
""",
    "exec": "mysql: [Warning] Using a password\nsk_live_plantedstripe10\n",
}
SECRETS = [
    TOKEN, JWT, ENVIRONMENT, "planted-url-1", "planted-bearer-22", "planted-log-3", "plantedpem4",
    "planted-describe-5", "planted-configmap-6", "planted-nested-7", "planted-env-8",
    "cGxhbnRlZC1zZWNyZXQtOQ", "sk_live_plantedstripe10", "planted-argument-11",
    "planted-flag-12", "planted-mysql-13", "planted-bare-14", "planted-bound-15", "planted-edit-16",
    "planted-difference-17", "planted-difference-18", "planted-restored-19", "planted-error-20",
    "planted-audit-21", "planted-scrape-23", "planted-label-24", "planted-fault-25",
]  # fmt: skip
KEPT = [
    "pay_01HX3Z5K8Q9W2E4R6T7Y8U0I0P",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "LOG_LEVEL:          info",
    "<set to the key 'key' in secret 'payment-secrets'>",
    "jdbc:postgresql://db/p",
    'value: \\"8080\\"',
]
PLACEHOLDERS = {"<db-password>": "planted-bound-15"}
COMMANDS = [
    "kubectl logs deployment/payment-service -n production",
    "kubectl describe pod -l app=payment-service -n production",
    "kubectl get configmap,pod -n production -o yaml",
    "kubectl set env deployment/p -n production API_TOKEN=planted-argument-11",
    "kubectl exec db-0 -n production -- tool --password planted-flag-12 --host db",
    "kubectl exec db-0 -n production -- mysql -u root -pplanted-mysql-13 payments",
    "kubectl get secret db -n production -o jsonpath={.data.x}",
    "kubectl annotate pod x -n production note=<db-password>",
]


def stand_in(folder: Path) -> Path:
    """Prints the text of its verb; of a Secret the bare value."""
    for verb, text in PRINTED.items():
        (folder / f"{verb}.txt").write_text(text, encoding="utf-8")
    path = folder / "kubectl"
    path.write_text(
        '#!/bin/sh\ncase "$*" in\n*"get secret"*) echo planted-bare-14;;\n'
        f'*) [ ! -e "{folder}/$1.txt" ] || cat "{folder}/$1.txt"; echo "ran: $*" >&2;;\nesac\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def steps() -> tuple[PlannedStep, ...]:
    commands = tuple(
        Command(
            line=50 + number,
            text=text,
            placeholders=("<db-password>",) if "<" in text else (),
        )
        for number, text in enumerate(COMMANDS)
    )
    return (
        PlannedStep(
            procedure="fix",
            number=1,
            line=50,
            text="Look and mend; PGPASSWORD=planted-argument-11",
            kind="diagnosis",
            commands=commands,
            edit=Edit(set={"/data/db-password": "planted-edit-16"}, remove=()),
        ),
        *PLAN.steps[3:],
    )


def tell(emit: Callable[[object], None]) -> None:
    """What a drill tells beside its commands, with secrets in what others said."""
    pod = {"spec": {"env": [{"name": "DB_PASSWORD", "value": "planted-difference-17"}]}}
    config = {"data": {"token": "planted-difference-18", "LOG_LEVEL": "info"}}
    before = {
        "deployment/n/p": {"metadata": {}, **pod},
        "configmap/n/c": {"metadata": {}, **config},
    }
    after = {
        "deployment/n/p": {
            "metadata": {},
            "spec": {"env": [{"name": "DB_PASSWORD", "value": "x"}]},
        },
        "configmap/n/c": {"metadata": {}, "data": {"LOG_LEVEL": "debug"}},
    }
    left = differences(before, after)
    assert any("planted-difference-17" in one for one in left)
    emit(FaultInjected(at=2.0, fault="f", change="set DB_PASSWORD=planted-fault-25"))
    emit(AlertChanged(at=3.0, alert="A", state="firing", labels={"api_key": "planted-label-24"},
                      value=1.0))  # fmt: skip
    emit(ScrapeFailed(at=3.0, job="j", instance="i", error="http://u:planted-scrape-23@h: refused"))
    emit(Restored(at=4.0, changes=("c: data.password was 'planted-restored-19', is 'b'",)))
    emit(FaultUndone(at=5.0, undone=True, evidence="done", differences=left))
    emit(MoneyChecked(at=6.0, acknowledged=0, stored=0, lost=(), doubled=(),
                      error="psql: PGPASSWORD=planted-audit-21 is wrong"))  # fmt: skip
    emit(DrillFailed(at=7.0, phase="undo", why="Forbidden: token: planted-error-20"))
    emit(DrillEnded(at=8.0))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """The folder of a run and all that its console showed."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ENVIRONMENT)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG, encoding="utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    screen = io.StringIO()
    console = Console(screen)
    file = (folder / "events.jsonl").open("x", encoding="utf-8")
    log = EventLog(file, console, redactor=redactor_of(kubeconfig, PLACEHOLDERS))
    drill = plan(
        steps=steps(),
        placeholders=PLACEHOLDERS,
        fault_parameters={"password": "planted-fault-25"},
    )
    log.emit(DrillStarted(at=0.0, run_id="r", wall_time="2026-03-08T12:00:00+00:00", plan=drill,
                          versions={}, rules={}))  # fmt: skip
    responder = AutoResponder(
        kubectl=Kubectl(path=stand_in(tmp_path), kubeconfig=kubeconfig, cache=tmp_path / "cache"),
        blast_radius=BlastRadius(
            namespaces=("production",),
            verbs=("logs", "describe", "get", "set", "exec", "annotate"),
        ),
        placeholders=drill.placeholders,
        pods=lambda _: None,
        command_budget_s=20.0,
        clock=MonotonicClock(),
        emit=log.emit,
        now=lambda: 1.0,
    )
    responder.follow(drill.steps, recovered=lambda: False)
    tell(log.emit)  # type: ignore[arg-type] # any event
    log.close()
    judged = verdict.judge(log.events)
    paths = report.write(folder, log.events, judged)
    console.summary(judged, paths.html)
    return folder, screen.getvalue()


def test_no_planted_secret_is_in_a_file_or_on_the_console(run: tuple[Path, str]) -> None:
    folder, shown = run
    files = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert set(files) == {"events.jsonl", "report.html", "report.json", "junit.xml"}
    for name, text in {**files, "the console": shown}.items():
        assert [secret for secret in SECRETS if secret in text] == [], name


def test_every_command_ran_and_what_is_no_secret_is_still_there(run: tuple[Path, str]) -> None:
    folder, _ = run
    finished = [e for e in read(folder / "events.jsonl") if isinstance(e, CommandFinished)]
    assert [event.exit_code for event in finished] == [0] * len(COMMANDS)
    text = (folder / "events.jsonl").read_text(encoding="utf-8")
    assert [kept for kept in KEPT if kept not in text] == []
    assert "tool --password [redacted] --host db" in text
    assert "mysql -u root -p[redacted] payments" in text
    assert "[redacted]: 16 characters that may be a secret" in text


def test_the_journal_and_the_log_of_chaos_toolkit_hold_none(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG, encoding="utf-8")
    redactor = redactor_of(kubeconfig, {})
    formatter = experiment._Redacted(redactor)
    record = logging.LogRecord("chaostoolkit", logging.ERROR, "", 1, "failed: %s", (
        f"PGPASSWORD=planted-log-3 {TOKEN}",), None)  # fmt: skip
    assert formatter.format(record) == "failed: PGPASSWORD=[redacted] [redacted]"
    journal = {"run": [{"output": f"a {TOKEN}", "exception": ["x\n", "password: planted-log-3\n"]}]}
    told = json.dumps(redactor.value(journal))
    assert TOKEN not in told
    assert "planted-log-3" not in told


def test_a_kubeconfig_that_cannot_be_read_leaves_the_patterns(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("a: [", encoding="utf-8")
    for name in ("k", "absent"):
        assert redactor_of(tmp_path / name, {}).text("PGPASSWORD=x1234") == "PGPASSWORD=[redacted]"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_plan_shows_none(
    form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = plan(steps=steps(), placeholders=PLACEHOLDERS, fault_parameters={"password": "planted"})
    (step, *_) = drill.steps
    preview = Preview(
        plan=drill,
        procedure=tuple(Previewed(step=step, command=one, fate="run") for one in step.commands),
        needs=merged([]),
        refusal=None,
    )
    inputs = SimpleNamespace(service=None)
    monkeypatch.setattr(cli.plan_command, "read_inputs", lambda _: inputs)
    monkeypatch.setattr(cli.plan_command, "plans_on", lambda *_, **__: [(inputs, drill)])
    monkeypatch.setattr(cli.plan_command, "preview_of", lambda *_: preview)
    assert cli.main(["plan", "x.yaml", *(["--json"] if form == "json" else [])]) == 0
    told = capsys.readouterr().out
    assert "planted" not in told
    assert "API_TOKEN=[redacted]" in told
    if form == "json":
        json.loads(told)


def test_what_is_printed_holds_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out.write("  52  run  kubectl set env deployment/p API_TOKEN=planted-argument-11\n")

    def fail(*_: object) -> int:
        raise TargetError("the server said: Authorization: Bearer planted-bearer-22")

    monkeypatch.setattr(cli.plan_command, "run", fail)
    assert cli.main(["plan", "x.yaml"]) == 2
    told = capsys.readouterr()
    assert "planted" not in told.out + told.err
    assert "API_TOKEN=[redacted]\n" in told.out
    assert "Authorization: Bearer [redacted]\n" in told.err
