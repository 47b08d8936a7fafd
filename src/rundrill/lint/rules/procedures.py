"""Procedures that lead nowhere, or that do more than they say."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import Command, ProcedureStep, Step
from rundrill.lint.calls import Call, calls_of
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.nature import does, failure_modes, mending
from rundrill.runbook.kubectl import Invocation
from rundrill.runbook.wordset import word_set

_GUARD = re.compile(
    r"\b(?:if|only|unless|once|confirm\w*|approv\w*|back ?up|snapshot|after|one (?:at a time|by one"
    r"|after another)|drain\w*|maintenance|make sure|last resort|dry.run|never|careful\w*|warning"
    r"|caution|must|at your own risk|outage)\b|⚠",
    re.IGNORECASE,
)
_STOPPING = re.compile(
    _GUARD.pattern + r"|\b(?:stop\w*|pause|freeze|quiesce|shut\w*)\b", re.IGNORECASE
)
"""Where the command itself says that it stops something, words that say so are enough."""
_SQL = re.compile(
    r"\b(?:drop\s+(?:table|database|schema)|truncate\b|delete\s+from\s+\w+\s*(?:;|\"|'|\Z))",
    re.IGNORECASE,
)
_RESTART: Final = (
    "use `kubectl rollout restart`, which replaces them one after another, or say that an outage is"
    " accepted"
)
_CHECKS: Final = re.compile(
    r"\brollout status\b|\bkubectl\b.*\bwait\b|--wait\b|\bcurl\s+-\w*f|healthz?\b|readyz\b"
    r"|\bpg_isready\b"
)
_LONG: Final = 60
_NUMBERED = re.compile(r"\W*((?:[A-Z]\.)?\d+(?:\.\d+)*)[.):]?\s")
_DOTTED = re.compile(r"\W*((?:[A-Z]\.)?\d+(?:\.\d+)+)[.):]?\s")
_Destructive = tuple[str, str, re.Pattern[str]]
"""What it does, what to do about it, and what would guard it."""
_KEEPS: Final = word_set("pod pods po")
_MADE_AGAIN: Final = word_set("job jobs replicaset replicasets rs event events")


def _without_remedy(material: Material) -> Iterator[Found]:
    for procedure in failure_modes(material.runbook):
        if not {"remedy", "tell"} & {does(step) for step in procedure.steps}:
            yield Found(
                line=procedure.line,
                at=procedure.title,
                message=f"`{procedure.title}` only looks: no step of it changes anything, and none"
                " says whom to call",
                fix="add what is to be done for each thing that may be found",
            )


def _without_verification(material: Material) -> Iterator[Found]:
    claims = {
        (value.procedure, value.step.number): claim.id
        for claim, value in material.runbook.having(ProcedureStep)
    }
    for procedure in mending(material.runbook):
        remedies = [step for step in procedure.steps if does(step) == "remedy"]
        if not remedies:
            continue
        first = remedies[0]
        last = [step for step in remedies if step.commands or step is first][-1]
        after = [step for step in procedure.steps if step.number > first.number]
        if any(does(step) == "verify" for step in after) or any(
            _verifies(command) for step in remedies for command in step.commands
        ):
            continue
        yield Found(
            line=last.line,
            at=last.text,
            message=f"no step of `{procedure.title}` shows whether"
            f" {_called(last, material)} worked",
            fix="add a step that does, such as `kubectl rollout status ...`, and how long to watch",
            claim=claims.get((procedure.id, last.number)),
        )


def _called(step: Step, material: Material) -> str:
    """A step by the number that the document gives it, else by its words."""
    numbered = _NUMBERED.match(material.line_text(step.line)) or _DOTTED.match(step.text)
    if numbered is not None:
        return f"step {numbered[1]}"
    words = " ".join((step.text or step.commands[0].text).split())
    return f"`{words if len(words) <= _LONG else words[: _LONG - 1] + chr(0x2026)}`"


def _verifies(command: Command) -> bool:
    """A step may mend and verify in one block, or wait until it is mended."""
    return _CHECKS.search(command.text) is not None


def _unguarded(material: Material) -> Iterator[Found]:
    for claim, command in material.runbook.having(Command):
        for call in calls_of(command):
            what = _destructive(call)
            if what is None:
                continue
            said = _without_command(_above(material, claim.line), command.text)
            if not what[2].search(said):
                yield Found(
                    line=claim.line,
                    at=call.words[0],
                    message=what[0],
                    fix=what[1],
                    claim=claim.id,
                )


def _above(material: Material, line: int) -> str:
    """The line itself, and what leads to it: comments, and the words above its code block."""
    texts = [material.line_text(line)]
    number = line - 1
    while number > 0 and line - number < _FAR:
        above = material.runbook.lines[number - 1]
        texts.append(above.text)
        is_command = any(one.startswith("command:") for one in above.claims)
        if above.reading not in ("blank", "markup", "data") and not is_command:
            texts.append(material.line_text(number - 1))
            break
        number -= 1
    return "\n".join(texts)


def _without_command(text: str, command: str) -> str:
    return text.replace(command.split("\n", 1)[0], " ")


_FAR: Final = 12
_CONDITION: Final = "say under which condition, and what to save before"


def _destructive(call: Call) -> _Destructive | None:
    words, text = call.invocation, " ".join(call.words)
    if words is not None:
        found = _destructive_kubectl(words)
        if found is not None or words.verb != "exec":
            return found
        text = " ".join(words.inner)
    if _SQL.search(text):
        return "this deletes data of every customer, and nothing guards it", _CONDITION, _GUARD
    program = (text.split() or [""])[0].rpartition("/")[2]
    if program == "rm" and re.search(r"\s-\w*r", text):
        return "`rm -r` brings nothing back, and nothing guards it", _CONDITION, _GUARD
    if re.search(r"\bflush(?:all|db)\b", text, re.IGNORECASE):
        return "this empties the whole cache or store, and nothing guards it", _CONDITION, _GUARD
    if program == "helm" and re.search(r"\bhelm (?:uninstall|delete)\b", text):
        return "this removes the whole release, and nothing guards it", _CONDITION, _GUARD
    if program == "terraform" and "destroy" in text.split():
        return "this destroys infrastructure, and nothing guards it", _CONDITION, _GUARD
    return None


def _destructive_kubectl(words: Invocation) -> _Destructive | None:
    if any(value in ("client", "server") for value in words.flags.get("dry-run", ())):
        return None
    if words.verb == "drain" and words.has("force", "disable-eviction"):
        return "this empties a node against the budgets of its pods", _CONDITION, _GUARD
    if words.verb == "scale" and words.flags.get("replicas", ("",))[-1] == "0":
        return "this stops every pod, and nothing guards it", _CONDITION, _STOPPING
    if words.verb != "delete":
        return None
    kind = (words.arguments[0] if words.arguments else "").lower()
    many = "selector" in words.flags or words.has("all") or "filename" in words.flags
    if kind in _KEEPS and many:
        return (
            "this deletes all pods at once: until new ones are ready nobody is served",
            _RESTART,
            _GUARD,
        )
    name = kind.partition("/")[0]
    if name in _KEEPS or name in _MADE_AGAIN:
        return None
    if words.arguments or many:
        return "this deletes what nothing makes again, and nothing guards it", _CONDITION, _GUARD
    return None


RULES: Final = (
    Rule(
        id="procedure-without-remedy",
        level="warning",
        summary="A failure mode's procedure looks and never mends.",
        check=_without_remedy,
    ),
    Rule(
        id="remedy-without-verification",
        level="warning",
        summary="No step of a procedure shows whether its remedy worked.",
        check=_without_verification,
    ),
    Rule(
        id="destructive-without-guard",
        level="warning",
        summary="A step destroys something, or stops everything at once, and nothing guards it.",
        check=_unguarded,
    ),
)
