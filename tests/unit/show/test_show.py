"""`rundrill show`: the tree, the JSON, and how the program ends."""

import json
from pathlib import Path
from textwrap import dedent
from typing import get_args

import pytest

from rundrill import cli
from rundrill.claims import Claim, ClaimKind, Runbook
from rundrill.runbook import load, parse
from rundrill.show import as_json, as_text
from rundrill.show.words import words_of

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "unit" / "runbook" / "corpus"
SMALL = dedent(
    """\
    # Shop

    ## Severity
    ### P1 - High
    - Error rate >5% in 10 minutes
    - Response time: 30 minutes

    ## Slow pages
    1. Restart it: `kubectl rollout restart deploy/shop -n <ns>`
    2. Look again
       ```
       what it says
       ```
    Some time within the last 2 days somebody saw it.
    """
)


def small() -> Runbook:
    return parse(SMALL, "shop.md")


def test_each_line_stands_with_its_claims() -> None:
    assert as_text(small()) == dedent(
        """\
         1 # # Shop
         3 #   ## Severity
         4 #     ### P1 - High
                   = severity: P1 (High)  (drill)
         5 >     - Error rate >5% in 10 minutes
                   = threshold: error rate > 5.0 % in 10 min  (drill)
         6 >     - Response time: 30 minutes
                   = response-time: P1 30 min  (drill)
         8 #   ## Slow pages
         9 >   1. Restart it: `kubectl rollout restart deploy/shop -n <ns>`
                 = command: kubectl rollout restart deploy/shop -n <ns>  (drill)
                 = placeholder: <ns>  (lint)
                 = step: slow-pages#1  (drill)
        10 >   2. Look again
                 = step: slow-pages#2  (human)
        11 `      ```
        12 |      what it says
        13 `      ```
        14     Some time within the last 2 days somebody saw it.

        > claim   # heading   | output or data   ` markup   ! warned against   ? not understood
        7 claims: 1 command, 1 placeholder, 1 threshold, 1 severity, 1 response-time, 2 step
        every line was understood
        """
    )


def test_lines_that_were_not_understood_are_listed_with_their_place() -> None:
    told = as_text(parse("# A\n\nStop it for at most 10 minutes.\n", "a.md"))
    assert told.endswith(
        "0 claims\n1 lines not understood:\n  a.md:3: Stop it for at most 10 minutes.\n"
    )
    assert "\n3 ? Stop it" in told


def test_a_long_line_is_cut() -> None:
    assert "\u2026\n" in as_text(parse("# A\n" + "word " * 60, "a.md"))


def every_claim() -> list[Claim]:
    paths = [ROOT / "runbooks" / "payment-service" / "runbook.md", *CORPUS.glob("*/runbook.md")]
    return [claim for path in paths for claim in load(path).claims]


def test_every_kind_has_words() -> None:
    claims = every_claim()
    assert {claim.kind for claim in claims} == set(get_args(ClaimKind))
    for claim in claims:
        kind, _, words = words_of(claim).partition(": ")
        assert kind == claim.kind
        assert words.strip()
        assert "\n" not in words


def test_the_json_holds_every_line_and_claim() -> None:
    runbook = small()
    form = json.loads(as_json(runbook))
    assert "\n".join(line["text"] for line in form["lines"]) == SMALL
    assert [claim["id"] for claim in form["claims"]] == [claim.id for claim in runbook.claims]
    threshold = next(claim for claim in form["claims"] if claim["kind"] == "threshold")
    assert threshold["id"] == "threshold:severity/p1/error-rate"
    assert threshold["section"] == ["Severity", "P1 - High"]
    assert threshold["value"]["window_s"] == 600
    assert form["not_understood"] == []


def test_any_text_can_be_told_as_json() -> None:
    assert json.loads(as_json(parse("# a\udcff\n", "a.md")))["title"] == "a\udcff"


def test_the_program_shows_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shop.md"
    path.write_text(SMALL, encoding="utf-8")
    assert cli.main(["show", str(path)]) == 0
    assert "response-time: P1 30 min" in capsys.readouterr().out
    assert cli.main(["show", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Shop"


def test_a_file_that_cannot_be_read_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "shop.md"
    path.write_bytes(b"# A\n\xff\n")
    assert cli.main(["show", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"rundrill: {path}:2:1: the runbook is not UTF-8 text (byte 0xff)\n"
        "  fix: save it as UTF-8\n"
    )


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["show", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "examples:" in told
    assert "exit codes:" in told


def test_an_empty_name_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """As a script gives it whose variable is not set."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["show", ""])
    assert ended.value.code == 2
    assert "is empty: name a file" in capsys.readouterr().err
