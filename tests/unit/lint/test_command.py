"""`rundrill lint` as it is called: exit codes, options, messages; and the user's own runbook."""

import json
import shutil
from pathlib import Path

import pytest
from unit.lint.shop import RULES, RUNBOOK, changed, root

from rundrill.cli import main

USERS = root() / "../shared/runbook/payment-service.md"
users = pytest.mark.skipif(
    not USERS.exists(), reason=f"the user's runbook is not beside the project: {USERS}"
)
OWN = root() / "runbooks/payment-service"
GOLDEN = root() / "tests/golden/lint"

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: shop:1}]}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "runbook.md").write_text(RUNBOOK, encoding="utf-8")
    (tmp_path / "alerts.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "shop.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def lint(capsys: pytest.CaptureFixture[str], *options: str | Path) -> tuple[int, str, str]:
    code = main(["lint", *map(str, options)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_runbook_with_which_all_is_well_ends_with_0(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = lint(
        capsys,
        shop / "runbook.md",
        *("--rules", shop / "alerts.yml", "--manifests", shop / "deploy"),
        *("--today", "2026-12-01"),
    )
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "nothing was found"


@pytest.mark.parametrize(
    ("level", "code"), [("note", 1), ("warning", 1), ("error", 0), ("never", 0)]
)
def test_fail_on_says_what_counts(
    level: str, code: int, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop / "runbook.md"
    path.write_text(changed("+00 555 0100", "[number]"), encoding="utf-8")
    assert lint(capsys, path, "--fail-on", level, "--today", "2026-12-01")[0] == code


def test_bad_input_ends_with_2_and_says_where(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "deploy" / "shop.yaml").write_text("kind: [\n", encoding="utf-8")
    code, out, err = lint(capsys, shop / "runbook.md", "--manifests", shop / "deploy")
    assert (code, out) == (2, "")
    assert "shop.yaml:2:1: is not YAML" in err
    assert lint(capsys, shop / "nothing.md")[0] == 2
    assert lint(capsys, shop / "runbook.md", "--kubectl", shop / "none")[0] == 2
    assert lint(capsys, shop / "runbook.md", "--experiments", shop / "none")[0] == 2
    code, _, err = lint(capsys, shop / "runbook.md", "--bindings", shop / "none.yaml")
    assert code == 2
    assert "fix: name a file that exists" in err
    with pytest.raises(SystemExit):
        lint(capsys, "")
    assert "is empty: name a file" in capsys.readouterr().err
    (shop / "empty").mkdir()
    code, _, err = lint(capsys, shop / "runbook.md", "--experiments", shop / "empty")
    assert code == 2
    assert "there is no experiment file" in err


def test_what_init_left_to_decide_is_told_with_its_place(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    made = main(["init", "--runbook", "runbook.md", "--manifests", "deploy", "--output", "drills"])
    assert made == 0
    capsys.readouterr()
    drills = shop / "drills"
    files = [drills / "bindings.yaml", drills / "service.yaml", *drills.glob("experiments/*")]
    left = {
        (path.relative_to(shop).as_posix(), number)
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "TODO" in line.partition("#")[0]
    }
    assert left
    code, out, _ = lint(
        capsys,
        *("runbook.md", "--bindings", "drills/bindings.yaml", "--format", "json"),
        *("--experiments", "drills/experiments", "--today", "2026-12-01"),
    )
    assert code == 1
    found = [one for one in json.loads(out)["findings"] if one["rule"] == "value-undecided"]
    assert {(one["path"], one["line"]) for one in found} == left
    assert len(found) == len(left)
    lines = {path: (shop / path).read_text(encoding="utf-8").splitlines() for path, _ in left}
    for one in found:
        assert lines[one["path"]][one["line"] - 1][one["column"] - 1 :].startswith("TODO")
    # Without these files, nothing is said of them.
    assert "value-undecided" not in lint(capsys, "runbook.md", "--today", "2026-12-01")[1]


def test_without_kubectl_it_says_so_and_checks_the_rest(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(shop / "python"))
    monkeypatch.setenv("PATH", str(shop))
    monkeypatch.delenv("RUNDRILL_KUBECTL", raising=False)
    code, out, _ = lint(capsys, shop / "runbook.md", "--manifests", shop / "deploy")
    assert code == 0
    assert "not checked: command-refused: there is no kubectl" in out


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--help"])
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out


@users
def test_the_users_runbook_has_the_findings_that_were_read_one_by_one(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each finding of the golden file was held against the document by hand."""
    path = tmp_path / "payment-service.md"
    shutil.copyfile(USERS, path)
    code, out, _ = lint(
        capsys,
        path,
        *("--rules", OWN / "alerts.yml"),
        *("--manifests", root() / "deploy/overlays/local"),
        *("--experiments", root() / "experiments"),
        *("--today", "2026-12-01", "--format", "json"),
    )
    body = json.loads(out)
    assert code == 1
    assert body["not_checked"] == {}
    places = {str(path): "payment-service.md", str(OWN / "alerts.yml"): "alerts.yml"}
    told = "".join(
        f"{places[one['path']]}:{one['line']}:{one['column']}: {one['level']}:"
        f" {one['message'].replace(str(OWN) + '/', '')} [{one['rule']}]\n"
        for one in body["findings"]
    )
    golden = GOLDEN / "user-payment-service.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


@users
def test_the_commands_of_the_users_runbook_exist_where_the_project_deploys_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = lint(
        capsys, USERS, "--manifests", root() / "deploy/overlays/local", "--format", "json"
    )
    rules = {one["rule"] for one in json.loads(out)["findings"]}
    assert not rules & {"resource-missing", "command-refused"}
