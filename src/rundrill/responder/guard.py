"""Which commands may run, and as which arguments. Pure: no process, no cluster.

A command runs without a shell, so whatever only a shell understands is refused; so is everything
outside the plan's blast radius, and a file whose content cannot be seen here. Of custom kinds it is
not known whether a namespace holds them: their verb and `-n` are judged like any other's.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rundrill.model import BlastRadius
from rundrill.runbook.classify import kubectl_kind
from rundrill.runbook.kinds import KINDS
from rundrill.runbook.kubectl import Invocation, read_invocation
from rundrill.runbook.placeholders import find_placeholders

_SHELL_ONLY: Final[Mapping[str, str]] = {
    "|": "a pipe", "&": "`&`", ";": "`;`", "<": "a redirection", ">": "a redirection",
    "(": "a subshell", ")": "a subshell", "`": "a command substitution", "*": "a glob",
    "?": "a glob", "[": "a glob", "\n": "a second line", "#": "a comment",
}  # fmt: skip
_EXPANSIONS = re.compile(r"\$[\w{(?!@*#$-]")
_QUOTING_DOLLAR = re.compile(r"\$['\"]")
_BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
_MARK = "\ue000{}\ue001"
"""Stands for a placeholder while the words are split, so that its value stays one word."""

FORBIDDEN_FLAGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("kubeconfig", "context", "cluster", "server", "proxy-url", "tls-server-name",
         "insecure-skip-tls-verify", "certificate-authority"),
        "it would act on another cluster than the drill's",
    ),
    **dict.fromkeys(
        ("token", "as", "as-group", "as-uid", "as-user-extra", "user", "username", "password",
         "client-certificate", "client-key"),
        "it would act as somebody else",
    ),
    **dict.fromkeys(
        ("kuberc", "profile", "profile-output", "cache-dir", "raw"),
        "what it does cannot be compared with the blast radius",
    ),
}  # fmt: skip
_FILES = ("filename", "kustomize")
_LOCAL_VERBS: Final = frozenset(
    {
        "version",
        "api-resources",
        "api-versions",
        "cluster-info",
        "explain",
        "options",
        "config view",
        "config current-context",
        "config get-contexts",
        "config get-clusters",
    }
)
"""They look at the API or the configuration, not into a namespace."""
_CLUSTER_KINDS: Final = frozenset(name for name, kind in KINDS.items() if not kind.namespaced)
_NODE_READERS: Final = frozenset({"top node", "top nodes", "top no"})
_NODE_VERBS: Final = frozenset({"cordon", "uncordon", "drain", "taint"})
_HUMAN_VERBS: Final[Mapping[str, str]] = {
    "edit": "`kubectl edit` needs a person at an editor, or an edit under `edits` in the bindings",
    "attach": "`kubectl attach` needs a person at a terminal",
    "debug": "`kubectl debug` needs a person at a terminal",
}
_ENDLESS_VERBS: Final = frozenset({"port-forward", "proxy", "attach"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """`argv` is complete, "kubectl" first. An endless command never ends by itself."""

    argv: tuple[str, ...]
    endless: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`outside` tells a command beyond the blast radius from one that cannot be run as written."""

    why: str
    outside: bool


def admit(
    text: str, values: Mapping[str, str], blast_radius: BlastRadius, *, editor: bool = False
) -> Admitted | Refused:
    """Judges one command of the runbook, its placeholders filled from `values`.

    `editor` says that `kubectl edit` has somebody to edit: the binding's own editor.
    """
    words = split(text, values)
    if isinstance(words, Refused):
        return words
    if words[:1] != ("kubectl",):
        return Refused(why=f"only kubectl is run, not {_program(words)}", outside=False)
    invocation = read_invocation(words[1:])
    refusal = _outside(invocation, blast_radius)
    if refusal is not None:
        return Refused(why=refusal, outside=True)
    if invocation.verb in _HUMAN_VERBS and not (invocation.verb == "edit" and editor):
        return Refused(why=_HUMAN_VERBS[invocation.verb], outside=False)
    return Admitted(argv=words, endless=is_endless(invocation))


def split(text: str, values: Mapping[str, str]) -> tuple[str, ...] | Refused:
    """The words of a command as a shell would split them, or why only a shell could run it."""
    filled: list[str] = []
    marked, end = "", 0
    for start, stop in find_placeholders(text):
        name = text[start:stop]
        if name not in values:
            return Refused(why=f"nothing is bound to {name}", outside=False)
        marked += text[end:start] + _MARK.format(len(filled))
        filled.append(values[name])
        end = stop
    marked += text[end:]
    why = _needs_shell(marked)
    if why is not None:
        return Refused(why=f"{why} needs a shell, and none is used", outside=False)
    try:
        words = shlex.split(marked)
    except ValueError:
        return Refused(why="a quotation is not closed", outside=False)
    return tuple(_fill(word, filled) for word in words)


def is_endless(invocation: Invocation) -> bool:
    """Whether the command goes on until somebody stops it."""
    match invocation.verb:
        case "logs":
            return invocation.has("follow")
        case "get" | "events":
            return invocation.has("watch", "watch-only")
        case verb:
            return verb in _ENDLESS_VERBS


def _fill(word: str, values: list[str]) -> str:
    for number, value in enumerate(values):
        word = word.replace(_MARK.format(number), value)
    return word


def _program(words: tuple[str, ...]) -> str:
    if not words:
        return "nothing"
    return "a command with variables set before it" if "=" in words[0] else f"`{words[0]}`"


def _needs_shell(text: str) -> str | None:
    """The first thing in `text` that only a shell understands."""
    quote, previous = "", " "
    bare = ""
    for at, char in enumerate(text):
        escaped = previous == "\\" and quote != "'"
        # Two places where shlex and a shell differ.
        if escaped and quote and char in "$`":
            return "an escaped sign in double quotes"
        if escaped and char == "\n":
            return "a continued line"
        if escaped:
            char = "x"  # noqa: PLW2901 - itself inert, and it must not escape the next one
        elif quote:
            quote = "" if char == quote else quote
            if quote == '"' and (char == "`" or _EXPANSIONS.match(text, at)):
                return "a substitution"
        elif char in "'\"":
            quote = char
        elif _EXPANSIONS.match(text, at) or _QUOTING_DOLLAR.match(text, at):
            return "a substitution"
        elif char == "~" and previous.isspace():
            return "`~`"
        elif char in _SHELL_ONLY and (char != "#" or previous.isspace()):
            return _SHELL_ONLY[char]
        else:
            bare += char
        previous = char
    return "a list in braces" if _BRACES.search(bare) else None


def _outside(invocation: Invocation, blast_radius: BlastRadius) -> str | None:
    """Why the command would leave the blast radius; None when it stays inside."""
    for flag, why in FORBIDDEN_FLAGS.items():
        if flag in invocation.flags:
            return f"`--{flag}` is not allowed: {why}"
    if not invocation.verb:
        return "it names no verb"
    if not _verb_is_allowed(invocation.verb, blast_radius):
        allowed = ", ".join(blast_radius.verbs) or "none"
        return f"the verb `{invocation.verb}` is not in the blast radius (allowed: {allowed})"
    # An exec that only looks still runs in a pod: its namespace counts like a writer's.
    writes = kubectl_kind(invocation) == "remedy"
    return (_too_wide(invocation) if writes else None) or _namespace(
        invocation, blast_radius, writes=writes
    )


def _verb_is_allowed(verb: str, blast_radius: BlastRadius) -> bool:
    return verb in blast_radius.verbs or verb.partition(" ")[0] in blast_radius.verbs


def _too_wide(invocation: Invocation) -> str | None:
    if invocation.verb in _NODE_VERBS:
        return f"`{invocation.verb}` acts on nodes, which no namespace holds"
    if invocation.verb.startswith("config"):
        return "it would change the kubeconfig"
    if invocation.has("all"):
        return "`--all` takes more than the runbook names"
    if any(flag in invocation.flags for flag in _FILES):
        return "what the file holds cannot be compared with the blast radius"
    for kind in _kinds(invocation):
        if kind in _CLUSTER_KINDS:
            return f"`{kind}` belongs to no namespace"
    return None


def _kinds(invocation: Invocation) -> Iterator[str]:
    """The kinds of objects the arguments name: `pods,svc` first, `kind/name` anywhere."""
    for number, argument in enumerate(invocation.arguments):
        kinds, slash, _ = argument.lower().partition("/")
        if number == 0 or slash:
            for kind in kinds.split(","):
                yield kind.partition(".")[0]


def _namespace(invocation: Invocation, blast_radius: BlastRadius, *, writes: bool) -> str | None:
    if invocation.has("all-namespaces"):
        return "a change in all namespaces is not allowed" if writes else None
    if invocation.verb in _LOCAL_VERBS or (not writes and _is_cluster_wide(invocation)):
        return None
    given = invocation.flags.get("namespace", ())
    within = _of_copies(invocation)
    for namespace in (*within, *(given or (() if within else ("default",)))):
        if namespace not in blast_radius.namespaces:
            named = bool(within or given)
            allowed = ", ".join(blast_radius.namespaces) or "none"
            return (
                f"the namespace `{namespace}` is not in the blast radius (allowed: {allowed})"
                if named
                else f"it names no namespace, and `default` is not in the blast radius"
                f" (allowed: {allowed})"
            )
    return None


def _of_copies(invocation: Invocation) -> tuple[str, ...]:
    """`kubectl cp namespace/pod:file` names a namespace without a flag."""
    if invocation.verb != "cp":
        return ()
    pods = (argument.partition(":") for argument in invocation.arguments)
    return tuple(pod.rpartition("/")[0] for pod, colon, _ in pods if colon and "/" in pod)


def _is_cluster_wide(invocation: Invocation) -> bool:
    """Looks only at what no namespace holds, such as nodes."""
    if invocation.verb in _NODE_READERS:
        return True
    kinds = list(_kinds(invocation))
    return bool(kinds) and all(kind in _CLUSTER_KINDS for kind in kinds)
