"""A command that the document warns against is no command of it."""

import pytest

from rundrill.claims import Command, Runbook
from rundrill.runbook import parse

X = "kubectl delete pods --all -n shop"
Y = "kubectl rollout restart deployment/shop -n shop"


def read(text: str) -> Runbook:
    text = text.replace("`x`", f"`{X}`").replace("`y`", f"`{Y}`")
    return parse(f"# Shop\n\n## Procedures\n\n### Stuck pods\n\n{text}\n", "shop.md")


def told(runbook: Runbook) -> list[str]:
    """The commands, of which the procedures must hold the same."""
    claims = [command.text for _, command in runbook.having(Command)]
    steps = [
        command.text
        for procedure in (*runbook.procedures, *runbook.protocols)
        for step in procedure.steps
        for command in step.commands
    ]
    assert sorted(claims) == sorted(steps)
    return claims


@pytest.mark.parametrize(
    "sentence",
    [
        "Do not use `x` here, it is an outage.",
        "Never run `x`.",
        "Never, ever run `x`.",
        "Do not ever, for any reason, run `x`.",
        "Operators must never, even when asked, run `x`.",
        "You must not `x`.",
        "`x` (never in production!)",
        "Running `x` is not recommended.",
        "There is no reason to run `x`.",
        "Don't do `x`!",
        "Don\u2019t run `x`",
        "Avoid `x`.",
        "Avoid running `x` during the day.",
        "Please do not ever run `x`",
        "In production, never run `x`.",
        "In production never run `x`.",
        "You must not run `x`.",
        "The pods must not be removed with `x`.",
        "You should never use `x`",
        "Never, under any circumstances, run `x`.",
        "There must be no `x` on the primary.",
        "Do not restart it with `x`.",
        "Do not delete the pods by hand (`x`).",
        "**Warning**: `x` loses the data.",
        "`x` must not be used.",
        "`x` is forbidden here.",
        "`x` should be avoided",
        "Do not\nrun `x`.",
        "Wait and see, but never use `x`.",
        "Call the team, do not run `x`.",
        "Do not run: `x`",
        "No longer use `x`.",
        "Under no circumstances run `x`!",
        "It is forbidden to run `x`.",
        "Stop using `x`.",
        "\u274c `x`",
        "Refrain from running `x`.",
        "Take care not to run `x`.",
        "`x` will kill the cluster, never use it",
        "`x` loses all messages. Never use it.",
        "`x` restarts everything - do not run this in production",
        "Must not be run: `x`",
        "May never be used by hand: `x`",
        "Not `x`!",
        "~~`x`~~ (retired, do not use)",
        "`x` is off limits, too.",
        "Also forbidden while a run is active: `x`.",
        "Do not delete pods by hand. `x` will kill the broker.",
        "On no account run `x`.",
        "Nobody may run `x`.",
        "`x` must under no circumstances be run.",
        "Resist the urge to run `x`.",
        "Stay away from `x`.",
        "It is a bad idea to run `x`.",
        "`x` is never an option.",
        "`x` is strictly prohibited.",
        "Do not run `x` without the consent of the owner.",
        "Operators are not allowed to run `x`.",
    ],
)
def test_a_sentence_forbids_the_command_in_its_clause(sentence: str) -> None:
    for mark in ("", "- ", "1. ", "> "):
        runbook = read(mark + sentence.replace("\n", "\n  "))
        assert told(runbook) == [], mark
        warned = [line.text for line in runbook.lines if line.reading == "warning"]
        assert len(warned) == 1, mark
        assert X in warned[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "Do not page anybody; run `x`",
        "`x` (never two at once).",
        "Run `x`, never in parallel.",
        "Wait, in doubt, and run `x`.",
        "Do not page anybody, run `x`",
        "Do not page anybody. Run `x`",
        "If it does not help, run `x`",
        "If the pods do not come back run `x`",
        "Pods do not start: `x`",
        "Pods that never start: `x`",
        "Never mind: `x`",
        "Do not wait: `x`",
        "Do not hesitate to run `x`",
        "Do not forget to run `x`",
        "Do not proceed until `x` is done.",
        "Do not restart anything before `x`.",
        "The lag must not grow: `x`",
        "To avoid an outage run `x`",
        "To avoid an outage, run `x`",
        "Should nothing answer, run `x`",
        "No answer? `x`",
        "Avoid an outage: `x`",
        "Restart one after the other, never two at a time: `x`",
        "Restart it by hand, never during the day: `x`",
        "Only run `x` if asked.",
        "Run `x`, then wait. Never run it twice.",
        "`x` restarts them all; do not wait for it",
        "Not sure? `x`",
        "The lag must not be high: `x`",
        "Do not page the owner. `x` will restart the pods.",
        "Run `x`. Do not delete pods by hand.",
        "Under no circumstances leave the call; run `x`",
        "Nobody answers: `x`",
        "Do not panic. `x` is allowed.",
        "If nobody may be paged, run `x`",
        "`x` will drop the old connections.",
    ],
)
def test_another_clause_forbids_nothing(sentence: str) -> None:
    assert told(read(f"1. {sentence}")) == [X]


@pytest.mark.parametrize(
    "sentence",
    [
        "Instead of `x` run `y`.",
        "`x` is deprecated, use `y`.",
        "Use `y` instead of `x`.",
        "Run `y`, not `x`.",
        "Run `y` rather than `x`.",
        "Never run `x`; run `y`.",
        "Do not run `x` but `y`.",
        "Do not run `x`. Use `y` instead.",
        "Do not run `x`, run `y`.",
        "Restart: `y`. Do not use `x` here, it is an outage.",
    ],
)
def test_one_command_is_told_and_another_forbidden(sentence: str) -> None:
    assert told(read(f"1. {sentence}")) == [Y]
    assert told(read(sentence)) == [Y]


def test_several_may_be_forbidden_at_once() -> None:
    assert told(read("1. Never run `x`, `helm uninstall shop` or `y`.")) == []
    assert told(read("1. No `x` and no `y`.")) == []


@pytest.mark.parametrize(
    "lead",
    [
        "Never run:",
        "Do not run this:",
        "Don't:",
        "Avoid:",
        "Do not restart the database like this:",
        "Do not use the following in production.",
        "The pods come back. Never do this:",
        "> Forbidden:",
        "Do not do this without the consent of the owner:",
        "Forbidden commands",
    ],
)
def test_a_sentence_forbids_the_block_below_it(lead: str) -> None:
    mark = "> " if lead.startswith(">") else ""
    block = f"{mark}```sh\n{mark}{X}\n{mark}```"
    runbook = read(f"{lead}\n{mark}\n{block}\n\nRestart:\n\n```sh\n{Y}\n```")
    assert told(runbook) == [Y]
    assert [line.text for line in runbook.lines if line.reading == "warning"] == [mark + X]
    assert told(read(f"{lead}\n{mark}\n{mark}- `x`\n{mark}- run `x`\n\nThen `y`")) == [Y]


@pytest.mark.parametrize(
    "lead",
    [
        "Do not restart anything.",
        "Do not panic:",
        "Pods never start:",
        "Restart one after the other, never two at a time:",
        "Restart it by hand, never during the day:",
    ],
)
def test_another_sentence_forbids_no_block(lead: str) -> None:
    assert told(read(f"{lead}\n\n```sh\n{X}\n```")) == [X]


def test_a_comment_a_column_or_a_heading_forbids() -> None:
    assert told(read(f"```sh\n# DO NOT RUN - it loses all\n{X}\n\n# restart\n{Y}\n```")) == [Y]
    assert told(read(f"```sh\n# never run this\n{X}\n\n# restart\n{Y}\n```")) == [Y]
    assert told(read(f"```sh\n{X}  # never do this\n{Y}  # do not restart it twice\n```")) == [Y]
    assert told(read("| Do | Don't |\n|---|---|\n| `y` | `x` |")) == [Y]
    assert told(read("#### What not to do\n\n- `x`\n\n#### Restart\n\n- `y`")) == [Y]


def test_a_step_that_only_warns_is_none_and_one_that_also_tells_is_manual() -> None:
    runbook = read("1. Never run `x`.\n2. Instead of `x`, call the platform team.\n3. Look: `y`")
    (procedure,) = runbook.procedures
    assert [(step.text, len(step.commands)) for step in procedure.steps] == [
        (f"Instead of {X}, call the platform team.", 0),
        ("Look", 1),
    ]
