"""Commands that cannot be followed as they stand: by a person at 3 a.m. or by a drill."""

from collections.abc import Iterator
from typing import Final

from rundrill.claims import Claim, Command
from rundrill.lint.calls import Call, calls_of
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.runbook.kubectl import Invocation

_SHELLS: Final = frozenset({"sh", "bash", "ash", "zsh", "fish", "python", "python3", "irb", "node"})
_CONSOLES: Final[dict[str, tuple[str, ...]]] = {
    "psql": ("-c", "--command", "-f", "--file", "-l", "--list", "--version"),
    "mysql": ("-e", "--execute", "--version"),
    "mongosh": ("--eval", "--file", "-f", "--version"),
    "mongo": ("--eval",),
    "sqlite3": ("-cmd",),
}
"""Programs that wait for somebody to type unless one of these flags is there."""
_KEYBOARD: Final = frozenset({"vi", "vim", "nano", "emacs", "less", "more", "htop", "k9s", "tmux"})


def _calls(material: Material) -> Iterator[tuple[Claim, Command, Call]]:
    for claim, command in material.runbook.having(Command):
        for call in calls_of(command):
            yield claim, command, call


def _needs_human(material: Material) -> Iterator[Found]:
    for claim, _, call in _calls(material):
        words = call.invocation
        if words is not None and words.verb == "edit":
            yield Found(
                line=claim.line,
                at="kubectl",
                message="`kubectl edit` waits for a person at an editor, and does not say what to"
                " change",
                fix="write the change itself, such as `kubectl patch ... -p ...`",
                claim=claim.id,
            )


def _needs_terminal(material: Material) -> Iterator[Found]:
    for claim, _, call in _calls(material):
        why = _terminal(call)
        if why is not None:
            yield Found(
                line=claim.line, at=call.words[0], message=why[0], fix=why[1], claim=claim.id
            )


def _terminal(call: Call) -> tuple[str, str] | None:
    words = call.invocation
    if call.fed:  # what is piped in does the typing
        return None
    if words is None:
        name = _console(call.words)
        return None if name is None else (f"`{name}` waits at a prompt", _GIVE_IT)
    if words.verb in ("attach", "debug"):
        return f"`kubectl {words.verb}` needs a terminal", "write what is to be found out with it"
    if words.verb not in ("exec", "run"):
        return None
    inner = words.inner or words.arguments[1:]
    name = _console(inner)
    if name is not None:
        return f"`{name}` waits at a prompt", _GIVE_IT
    if words.has("tty") and inner:
        return (
            f"`-t` asks for a terminal that `{inner[0]}` does not need: in a script there is none",
            "leave out `-t` (and `-i`, unless something is piped in)",
        )
    return None


_GIVE_IT: Final = "write what is to be typed there as its argument"


def _console(words: tuple[str, ...]) -> str | None:
    """The program's name when it waits for somebody to type."""
    if not words:
        return None
    name, arguments = words[0].rpartition("/")[2], words[1:]
    if name in _KEYBOARD:
        return name
    if name in _SHELLS:
        return name if all(word in ("-i", "-l", "-it") for word in arguments) else None
    if name in _CONSOLES:
        return None if any(_gives(word, _CONSOLES[name]) for word in arguments) else name
    if name in ("redis-cli", "valkey-cli"):
        takes = ("-h", "-p", "-a", "-n", "-u", "-s", "--user", "--pass")
        left = list(arguments)
        while left and left[0].startswith("-"):
            left = left[2:] if left[0] in takes else left[1:]
        return None if left or any(a in arguments for a in ("--scan", "--bigkeys")) else name
    return None


def _gives(word: str, flags: tuple[str, ...]) -> bool:
    """Whether the word is one of the flags, also as the last of several letters (`-Atc`)."""
    if word.startswith("--"):
        return word.startswith(tuple(flag for flag in flags if flag.startswith("--")))
    letters = {flag[1] for flag in flags if len(flag) == 2}
    return word.startswith("-") and bool(letters & set(word[1:]))


def _never_ends(material: Material) -> Iterator[Found]:
    for claim, _, call in _calls(material):
        what = _endless(call)
        if what is not None:
            yield Found(
                line=claim.line,
                at=call.words[0],
                message=f"{what} never ends by itself",
                fix="say when to stop it, or bound it (`--tail`, `timeout 60 ...`, without `-f`)",
                claim=claim.id,
            )


def _endless(call: Call) -> str | None:
    if "timeout" in call.before:
        return None
    if "watch" in call.before:
        return "`watch`"
    words = call.invocation
    if words is not None:
        return _endless_kubectl(words)
    if call.program == "tail" and any(
        word in ("-f", "-F", "--follow") or word.startswith("--follow=") for word in call.words
    ):
        return "`tail -f`"
    if call.program == "journalctl" and {"-f", "--follow"} & set(call.words):
        return "`journalctl -f`"
    if call.program == "stern" and "--no-follow" not in call.words:
        return "`stern`"
    if call.program == "docker" and call.words[1:2] == ("logs",) and "-f" in call.words:
        return "`docker logs -f`"
    if call.program == "top" and "-b" not in call.words:
        return "`top`"
    return None


def _endless_kubectl(words: Invocation) -> str | None:
    if words.verb in ("port-forward", "proxy"):
        return f"`kubectl {words.verb}`"
    if words.verb == "logs" and words.has("follow"):
        return "`kubectl logs -f`"
    if words.verb in ("get", "events") and words.has("watch", "watch-only"):
        return f"`kubectl {words.verb} -w`"
    return None


def _refused(material: Material) -> Iterator[Found]:
    for claim, _, call in _calls(material):
        said = None if call.kubectl is None else (material.kubectl or {}).get(call.kubectl)
        if said is not None:
            yield Found(
                line=claim.line,
                at="kubectl",
                message=f"kubectl does not accept it: {said}",
                fix="correct the command; `kubectl VERB --help` tells what it accepts",
                claim=claim.id,
            )


RULES: Final = (
    Rule(
        id="command-needs-human",
        level="warning",
        summary="A command waits for a person to change something in an editor.",
        check=_needs_human,
    ),
    Rule(
        id="command-needs-terminal",
        level="note",
        summary="A command asks for a terminal, or waits at a prompt.",
        check=_needs_terminal,
    ),
    Rule(
        id="command-never-ends",
        level="note",
        summary="A command goes on until somebody stops it.",
        check=_never_ends,
    ),
    Rule(
        id="command-refused",
        level="error",
        summary="The installed kubectl does not accept a command.",
        check=_refused,
        needs="kubectl",
    ),
)
