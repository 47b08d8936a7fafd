"""`rundrill coverage` as it is called: folders, exit codes, files, messages."""

import json
from pathlib import Path

import pytest
from unit.coverage.drilled import RUNBOOK, TEXT, events, plan

from rundrill.cli import main
from rundrill.events import Event, to_line


def write(folder: Path, told: list[Event]) -> Path:
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text(
        "".join(f"{to_line(one)}\n" for one in told), encoding="utf-8"
    )
    (folder / "report.html").write_text("a report", encoding="utf-8")
    return folder


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the runbook that the runs name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.md").write_text(TEXT, encoding="utf-8")
    return tmp_path


def coverage(capsys: pytest.CaptureFixture[str], *options: str | Path) -> tuple[int, str, str]:
    code = main(["coverage", *map(str, options)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_run_a_game_day_and_the_whole_history(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop / "runs/20260101-drill", events())
    day = shop / "runs/20260102-game-day"
    write(day / "01-one", events(plan(experiment_path="one.yaml")))
    write(day / "02-two", events(plan(experiment_path="two.yaml"), exit_code=1))
    write(day / "02-two/control", events(plan(arm="control", experiment_path="two.yaml")))
    for given, runs in (("runs/20260101-drill", 1), ("runs/20260102-game-day", 2), ("runs", 3)):
        code, out, _ = coverage(capsys, given, "--json")
        assert code == 0
        assert len(json.loads(out)["runs"]) == runs


def test_fail_under_says_by_how_much(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write(shop / "runs/20260101-drill", events())
    assert coverage(capsys, run, "--fail-under", "10")[0] == 0
    code, _, err = coverage(capsys, run, "--fail-under", "99.5")
    assert code == 1
    assert "less than 99.5 %" in err


@pytest.mark.parametrize("given", ["x", "-1", "nan", "101"])
def test_a_share_that_is_none_is_told_in_words(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["coverage", "runs", f"--fail-under={given}"])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert f"must be a number from 0 to 100, not '{given}'" in err
    assert "_percent" not in err


def test_an_unknown_option_is_told_with_the_usage_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["coverage", "runs", "--fail-over", "3"])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: rundrill coverage ")
    assert "unrecognized arguments: --fail-over" in err


def test_the_page_links_the_reports_from_wherever_it_is(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(shop / "runs/20260101-drill", events())
    (shop / "site").mkdir()
    code, _, _ = coverage(
        capsys, run, "--html", shop / "site/coverage.html", "--badge", shop / "badge.svg"
    )
    assert code == 0
    html = (shop / "site/coverage.html").read_text(encoding="utf-8")
    assert 'href="../runs/20260101-drill/report.html#procedure"' in html
    assert (shop / "badge.svg").read_text(encoding="utf-8").startswith("<svg")


def test_bad_input_ends_with_2_and_says_what_to_do(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(shop / "runs/20260101-drill", events())
    assert coverage(capsys, shop / "nothing")[0] == 2
    (shop / "shop.md").rename(shop / "moved.md")
    code, _, err = coverage(capsys, run)
    assert code == 2
    assert "--runbook" in err
    assert coverage(capsys, run, "--runbook", "moved.md")[0] == 0
    assert coverage(capsys, run, "--runbook", "moved.md", "--html", shop / "no/where.html")[0] == 2
    write(shop / "runs/20260102-drill", events(plan(runbook_path="other.md")))
    code, _, err = coverage(capsys, "runs")
    assert code == 2
    assert "2 runbooks" in err


def test_another_version_of_the_runbook_is_told(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(shop / "runs/20260101-drill", events())
    (shop / "shop.md").write_text(f"{TEXT}\nMore.\n", encoding="utf-8")
    _, out, _ = coverage(capsys, run)
    assert f"another version of the runbook ({RUNBOOK.sha256[:8]}" in out


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["coverage", "--help"])
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out
