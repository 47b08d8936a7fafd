"""`rundrill init` on a runbook that the project did not ship: what it writes loads, and plans."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rundrill.cli import main
from rundrill.detection import load_rules
from rundrill.errors import BindingError, ExperimentError, RundrillError
from rundrill.faults import FAULTS
from rundrill.inputs import make_plan, read_inputs
from rundrill.lint.nature import failure_modes
from rundrill.plan import read_experiment, read_service
from rundrill.runbook import load, load_bindings
from rundrill.starter.matches import MATCHES

RUNBOOK = """\
# Bookshop: when it breaks

| Level | Response time | When |
|---|---|---|
| SEV1 | 10 minutes | nobody can buy |
| SEV2 | 45 minutes | error rate > 4% |

## Normal values
- Error rate: < 0.5%
- p95 latency: < 800 ms
- Queue depth: < 200

## Problems

### Pods are crash looping
1. Which release? `kubectl rollout history deployment/bookshop -n books`
2. Go back: `kubectl rollout undo deployment/bookshop -n books`
3. Look at one: `kubectl describe pod <pod> -n books`
4. Monitor for 20 minutes

### Postgres does not answer
1. Is it there? `kubectl get pods -n books-data -l app=bookshop-postgres`
2. Call the <vendor>

### Redis is away
1. `kubectl get pods -n books -l app=redis`

### The printer is on fire
1. Leave the building

## Alerts
- Error rate above 5% for 5 minutes
- Pod restarts > 4 in 15 minutes
- Database connection errors
- Queue depth > 1000
"""

MANIFESTS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: bookshop, namespace: books}
spec:
  template:
    metadata: {labels: {app: bookshop}}
    spec:
      containers:
        - name: web
          image: registry.example:5000/bookshop:2.4
          ports: [{containerPort: 8000}, {containerPort: 9102}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: redis, namespace: books}
spec:
  template:
    metadata: {labels: {app: redis}}
    spec: {containers: [{name: redis, image: "redis:7"}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: bookshop-postgres, namespace: books-data}
spec:
  template:
    metadata: {labels: {app: bookshop-postgres}}
    spec: {containers: [{name: postgres, image: "postgres:18"}]}
---
apiVersion: v1
kind: Service
metadata: {name: bookshop, namespace: books}
spec: {ports: [{port: 80}]}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runbook.md").write_text(RUNBOOK, encoding="utf-8")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "all.yaml").write_text(MANIFESTS, encoding="utf-8")
    return tmp_path


def init(*options: str) -> int:
    return main(["init", "--runbook", "runbook.md", "--manifests", "deploy", *options])


def written(shop: Path) -> Path:
    assert init() == 0
    return shop / "runbooks" / "bookshop"


def filled_in(folder: Path) -> None:
    """What an author would decide."""
    (folder.parent.parent / "mine.py").write_text("", encoding="utf-8")
    for path in folder.rglob("*.y*ml"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("image: TODO", "image: bookshop:bad")
        text = text.replace("failed: TODO", "failed: bookshop_errors_total")
        text = text.replace("audit: TODO", "audit: kubectl get pods -n books")
        text = text.replace("locustfile: TODO", "locustfile: ../../mine.py")
        text = text.replace(": TODO", ": decided").replace("TODO_", "bookshop_")
        path.write_text(text, encoding="utf-8")


def test_everything_it_writes_loads_through_the_projects_own_readers(shop: Path) -> None:
    (shop / "load").mkdir()
    (shop / "load" / "locustfile.py").write_text("", encoding="utf-8")
    folder = written(shop)
    service = read_service(folder / "service.yaml")
    assert service.locustfile == (shop / "load/locustfile.py").resolve()
    assert "locustfile: ../../load/locustfile.py" in (folder / "service.yaml").read_text()
    assert (service.load_namespace, service.load_service, service.load_port) == (
        "books",
        "bookshop",
        80,
    )
    assert service.scrape[0].port == 9102
    bindings = load_bindings(folder / "bindings.yaml")
    rules = load_rules(folder / "alerts.yml")
    runbook = load(shop / "runbook.md")
    assert set(bindings.alerts) == {alert.id for alert in runbook.alerts}
    assert set(bindings.alerts.values()) == set(rules.alerts)
    assert "<pod>" in bindings.placeholders
    assert set(bindings.metrics) == {one.metric for one in runbook.steady_state}
    for path in (folder / "experiments").iterdir():
        read_experiment(path)


@pytest.mark.parametrize(
    ("file", "value", "undone"),
    [
        ("experiments/pods-are-crash-looping.yaml", "image: bookshop:bad", "image: TODO"),
        ("service.yaml", "audit: kubectl get pods -n books", "audit: 'TODO'"),
        ("service.yaml", "kubectl get pods -n books", "kubectl exec TODO -- list"),
        ("bindings.yaml", "bookshop_queue_depth", "TODO_queue_depth"),
        ("alerts.yml", "bookshop_queue_depth > 1000", "TODO_queue_depth > 1000"),
    ],
)
def test_no_plan_is_made_with_what_is_left_to_decide(
    file: str, value: str, undone: str, shop: Path
) -> None:
    folder = written(shop)
    filled_in(folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert value in text
    (folder / file).write_text(text.replace(value, undone), encoding="utf-8")
    with pytest.raises(RundrillError, match="still to decide") as refused:
        read_inputs(folder / "experiments/pods-are-crash-looping.yaml")
    assert refused.value.path == (folder / file).resolve()
    line = (folder / file).read_text(encoding="utf-8").splitlines()[(refused.value.line or 0) - 1]
    assert "TODO" in line
    assert not line.lstrip().startswith("#")


def test_what_a_bindings_file_extends_is_decided_too(shop: Path) -> None:
    folder = written(shop)
    filled_in(folder)
    base = folder / "bindings.yaml"
    base.rename(folder / "base.yaml")
    base.write_text("extends: base.yaml\n", encoding="utf-8")
    path = folder / "experiments/pods-are-crash-looping.yaml"
    read_inputs(path)
    text = (folder / "base.yaml").read_text(encoding="utf-8")
    (folder / "base.yaml").write_text(text.replace("bookshop_queue_depth", "TODO_queue_depth"))
    with pytest.raises(BindingError, match=r"base\.yaml:\d+: `TODO_queue_depth` is still to"):
        read_inputs(path)


def test_a_todo_in_the_words_of_a_title_is_no_value(shop: Path) -> None:
    folder = written(shop)
    filled_in(folder)
    path = folder / "experiments/pods-are-crash-looping.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("title: Pods", "title: TODO list: Pods".replace(": P", " P")))
    read_inputs(path)


def test_a_failure_mode_without_a_known_fault_is_told(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(shop)
    names = {path.stem for path in (folder / "experiments").iterdir()}
    assert names == {"pods-are-crash-looping", "postgres-does-not-answer", "redis-is-away"}
    out = capsys.readouterr().out
    assert "no experiment for `The printer is on fire` (line 28): no known fault makes it" in out
    assert len(failure_modes(load(shop / "runbook.md"))) == 4


def test_what_is_filled_in_makes_a_plan(shop: Path) -> None:
    folder = written(shop)
    filled_in(folder)
    for path in (folder / "experiments").iterdir():
        plan = make_plan(read_inputs(path), target="local", compression=15.0, wall_s=150.0)
        assert plan.severity == "SEV2"
        assert plan.windows.soak_s == 20 * 60 / 15
        assert "books" in plan.blast_radius.namespaces
    crash = make_plan(
        read_inputs(folder / "experiments/pods-are-crash-looping.yaml"),
        target="local",
        compression=15.0,
        wall_s=150.0,
    )
    assert crash.fault == "bad-release"
    assert crash.fault_parameters["container"] == "web"
    assert crash.expected_alerts == ("BookshopRestartCount",)
    assert crash.blast_radius.verbs == ("describe", "rollout history", "rollout undo")


def test_what_is_not_filled_in_is_an_error_with_its_place(shop: Path) -> None:
    """A number that nobody decided stops the plan; it is never a default that looks decided."""
    (shop / "runbook.md").write_text(
        RUNBOOK.replace("### Redis is away", "### Memory leak"), encoding="utf-8"
    )
    folder = written(shop)
    path = folder / "experiments/memory-leak.yaml"
    with pytest.raises(ExperimentError, match="still to decide") as refused:
        read_inputs(path)
    line = path.read_text(encoding="utf-8").splitlines()[(refused.value.line or 0) - 1]
    assert "TODO" in line


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")
def test_prometheus_itself_accepts_the_rules(shop: Path) -> None:
    path = written(shop) / "alerts.yml"
    answer = subprocess.run(
        ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_rules_state_what_the_runbook_claims(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own linter finds no drift, except where the runbook states no number."""
    rules = written(shop) / "alerts.yml"
    capsys.readouterr()
    main(["lint", "runbook.md", "--rules", str(rules), "--fail-on", "never"])
    out = capsys.readouterr().out
    assert "alert-without-rule" not in out
    assert "rule-without-claim" not in out
    assert "rule-differs" not in out


CART = """\
# Cart

## Alerts

- CartErrorRateHigh: error rate > 3% for 5 minutes
- CartMemoryHigh: memory above 85 % of the limit for 10 minutes
- `CartPodRestarting`: more than 2 restarts in 15 minutes
- CartRedisDown: Redis does not answer
- PostgreSQL: does not answer

## Failure modes

### Redis is down
1. `kubectl get pods -n books -l app=redis`

### Pods restart again and again
Symptoms: CartPodRestarting fires.
1. `kubectl rollout undo deployment/{name} -n books`

### Crash after a bad release
Symptoms: CartMemoryHigh fires.
1. `kubectl get pods -n books`
"""


def test_an_alert_that_the_runbook_names_keeps_its_name_and_its_time(shop: Path) -> None:
    (shop / "runbook.md").write_text(CART.format(name="bookshop"), encoding="utf-8")
    rules = load_rules(written(shop) / "alerts.yml").alerts
    assert {name: rule.for_s for name, rule in rules.items()} == {
        "CartErrorRateHigh": 300,
        "CartMemoryHigh": 600,
        "CartPodRestarting": 0,
        "CartRedisDown": 60,
        "BookshopPostgreSql": 60,
    }


@pytest.mark.parametrize(
    ("experiment", "alert"),
    [
        ("redis-is-down", "CartRedisDown"),
        ("pods-restart-again-and-again", "CartPodRestarting"),
        ("crash-after-a-bad-release", "CartMemoryHigh"),
    ],
)
def test_an_experiment_expects_the_alert_that_the_runbook_names_for_it(
    experiment: str, alert: str, shop: Path
) -> None:
    (shop / "runbook.md").write_text(CART.format(name="bookshop"), encoding="utf-8")
    text = (written(shop) / f"experiments/{experiment}.yaml").read_text(encoding="utf-8")
    assert f"expected: [{alert}]" in text


def test_a_deployment_that_no_command_names_is_something_to_decide(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "runbook.md").write_text(CART.format(name="bookshop-web"), encoding="utf-8")
    assert init("--service", "bookshop") == 0
    told = "no command of the runbook names the Deployment bookshop"
    assert told in capsys.readouterr().out.partition("left to decide")[2]
    (shop / "runbook.md").write_text(CART.format(name="bookshop"), encoding="utf-8")
    assert init("--service", "bookshop", "--output", "second") == 0
    assert told not in capsys.readouterr().out


def test_a_load_outside_of_the_project_is_something_to_decide(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path to wherever rundrill is installed would be another one on every machine."""
    text = (written(shop) / "service.yaml").read_text(encoding="utf-8")
    assert "locustfile: TODO" in text
    assert "../../../" not in text
    assert "a load that asks your service" in capsys.readouterr().out


def test_it_overwrites_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(shop)
    (folder / "bindings.yaml").write_text("mine", encoding="utf-8")
    assert init() == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert (folder / "bindings.yaml").read_text(encoding="utf-8") == "mine"
    assert init("--output", "elsewhere/bookshop") == 0
    assert (shop / "elsewhere/bookshop/experiments").is_dir()


def test_one_file_that_is_there_keeps_all_others_from_being_written(shop: Path) -> None:
    (shop / "out").mkdir()
    (shop / "out" / "alerts.yml").write_text("mine", encoding="utf-8")
    assert init("--output", "out") == 2
    assert [path.name for path in (shop / "out").iterdir()] == ["alerts.yml"]


def test_each_value_that_is_left_to_decide_is_listed_with_its_place(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init() == 0
    out = capsys.readouterr().out
    places = re.findall(r"^  (\S+?):(\d+): ", out, re.MULTILINE)
    assert places
    for path, line in places:
        text = (shop / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert "TODO" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--service", "bookshopp"], "did you mean bookshop?"),
        (["--manifests", "none"], "there are no manifests"),
        (["--runbook", "none.md"], "the runbook cannot be read"),
    ],
)
def test_bad_input_ends_with_2(
    options: list[str], message: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(*options) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init("--output", "runbook.md") == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "fix: name a folder with --output" in err


def test_a_runbook_that_names_no_deployment_asks_which_it_is_about(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "runbook.md").write_text(
        "# It breaks\n\n## Problems\n\n### Crash\n\n1. `kubectl get pods`\n", encoding="utf-8"
    )
    assert init() == 2
    err = capsys.readouterr().err
    assert "--service" in err
    assert "bookshop, redis" in err


OTHER_CAUSES = {
    # What a failure mode's title does not tell from the one that is begun instead of it.
    "database-unreachable": "database-down",
    "gateway-credentials": "gateway-errors",
}


def test_every_fault_is_begun_by_some_failure_mode_or_is_another_cause_of_one() -> None:
    matched = {one.fault for one in MATCHES}
    assert matched | set(OTHER_CAUSES) == set(FAULTS)
    assert set(OTHER_CAUSES.values()) <= matched


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["init", "--help"])
    assert "examples:" in capsys.readouterr().out


def test_a_runbook_that_states_next_to_nothing_still_makes_files_that_load(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "runbook.md").write_text(
        "# Bookshop\n\n## Problems\n\n### Crash\n\n1. `kubectl get pods -n books`\n",
        encoding="utf-8",
    )
    assert init("--service", "bookshop") == 0
    folder = shop / "runbooks" / "bookshop"
    text = (folder / "experiments" / "crash.yaml").read_text(encoding="utf-8")
    for missing in ("severity: TODO", "expected: [TODO]", "how long to watch after the fix"):
        assert missing in text
    assert load_rules(folder / "alerts.yml").alerts == {}
    assert load_bindings(folder / "bindings.yaml").metrics == {}
    out = capsys.readouterr().out
    for place in ("alerts.yml", "bindings.yaml", "experiments/crash.yaml", "service.yaml"):
        assert place in out.partition("left to decide")[2]
