"""`rundrill backtest` and `rundrill export`: what is printed, and how they end."""

import json
from pathlib import Path

import pytest
from unit.backtest.lived import RULES, Day, lived, shop

from rundrill.cli import main
from rundrill.detection.recorder import FILE_NAME


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts.yml").write_text(RULES)
    return lived(tmp_path / "20260101-120000-shop")


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_unchanged_rules_end_with_0(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(run)]) == 0
    assert "the rules of the run: 1 of 1 expected alerts detected" in capsys.readouterr().out
    assert main(["backtest", str(run), "--rules", "alerts.yml"]) == 0
    out = capsys.readouterr().out
    assert out.count("detected (limit 40 s") == 2
    assert "alerts.yml: 1 of 1 expected alerts detected in time; no new false alarm" in out


def test_worse_rules_end_with_1(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("worse.yml").write_text(RULES.replace("10m > 3", "10m > 300"))
    assert main(["backtest", str(run), "--rules", "worse.yml"]) == 1
    out = capsys.readouterr().out
    assert "1 of 1 expected alerts not detected in time (Restarting missed)" in out
    Path("noisy.yml").write_text(RULES + "  - {alert: Noisy, expr: memory_ratio > 0.4}\n")
    assert main(["backtest", str(run), "--rules", "noisy.yml"]) == 1
    assert "new false alarms: Noisy" in capsys.readouterr().out


def test_json_has_both_rules_and_the_sweep(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["backtest", str(run), "--rules", "alerts.yml", "--json"]
    assert main([*arguments, "--sweep", "threshold=2,3 for=0s,30s"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["schema"] == "rundrill.backtest/1"
    assert body["passed"] is True
    (drill,) = body["drills"]
    assert drill["reproduced_within_s"] == pytest.approx(0.0, abs=1e-9)
    assert drill["old"] == drill["new"]
    (sweep,) = body["sweeps"]
    assert sweep["alert"] == "Restarting"
    assert [one["thresholds"] for one in sweep["variants"]] == [{"1": 2.0}] * 2 + [{"1": 3.0}] * 2


def test_a_sweep_is_written_as_a_page(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["backtest", str(run), "--sweep", "threshold=60%:90%:10%", "--alert", "MemoryHigh"]
    assert main([*arguments, "--html", "sweep.html"]) == 0
    assert "MemoryHigh (> 0.85) in 1 drill" in capsys.readouterr().out
    text = Path("sweep.html").read_text(encoding="utf-8")
    assert "<svg" in text
    assert "20260101-120000-shop" in text


def test_what_is_wrong_is_one_message_and_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(*arguments: str) -> str:
        assert main(["backtest", *arguments]) == 2
        return told(capsys)

    assert "none: there are no events of a run fix: name a folder of runs/" in fails("none")
    assert "cannot be read" in fails(str(run), "--rules", "none.yml")
    assert "--html is about a sweep" in fails(str(run), "--html", "x.html")
    assert "--alert is about a sweep" in fails(str(run), "--alert", "A")
    assert "--sweep: not a number" in fails(str(run), "--sweep", "threshold=x")
    assert "there is no alert A" in fails(str(run), "--sweep", "for=1m", "--alert", "A")
    assert "cannot be written" in fails(str(run), "--sweep", "for=1m", "--html", "no/x.html")
    Path("blind.yml").write_text(RULES.replace("memory_ratio", "memory_share"))
    message = fails(str(run), "--rules", "blind.yml")
    assert "blind.yml:8: MemoryHigh needs memory_share, which was never scraped" in message
    Path("other.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]")
    message = fails(str(run), "--rules", "other.yml", "--sweep", "for=1m")
    assert "no alert that the drills expect is there (Restarting)" in message
    (run / FILE_NAME).unlink()
    assert "there are no samples of this drill" in fails(str(run))


def test_runs_with_different_rules_are_not_swept_together(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Day(tmp_path / "20260102-120000-shop", rules=RULES.replace("> 3", "> 2"))
    other = day.drill()
    day.recorder.close()
    assert main(["backtest", str(run), str(other), "--sweep", "for=1m"]) == 2
    assert "the runs had 2 different rules files" in told(capsys)
    assert main(["backtest", str(run), str(other)]) == 0


def test_an_export_is_written_beside_the_rules(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ci").mkdir()
    assert main(["export", "promtool", str(run), "-o", "ci/test.yml"]) == 0
    text = Path("ci/test.yml").read_text(encoding="utf-8")
    assert '- "../alerts.yml"' in text
    assert capsys.readouterr().out == ""
    assert main(["export", "promtool", str(run)]) == 0
    assert capsys.readouterr().out == text.replace('"../alerts.yml"', '"alerts.yml"')


def test_an_export_that_cannot_be_is_one_message(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*arguments: str) -> str:
        assert main(["export", "promtool", *arguments]) == 2
        return told(capsys)

    assert "no events of a run" in fails("none")
    assert "cannot be written" in fails(str(run), "-o", "no/x.yml")
    Path("worse.yml").write_text(RULES.replace("10m > 3", "10m > 300"))
    assert "worse.yml:6: Restarting was missed" in fails(str(run), "--rules", "worse.yml")
    Path("alerts.yml").unlink()
    message = fails(str(run))
    assert "alerts.yml: the rules file of the drill is not there fix: say with --rules" in message


def test_of_a_game_day_what_can_be_exported_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("alerts.yml").write_text(RULES)
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(min(s, 140)))
    day.drill("01-one", after_s=100.0)
    day.drill("02-two")
    day.recorder.close()
    assert main(["export", "promtool", str(day.folder)]) == 0
    shown = capsys.readouterr()
    assert "02-two is left out: alerts.yml:6: Restarting was missed" in shown.err
    assert "01-one" in shown.out
