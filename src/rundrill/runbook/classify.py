"""What a command is for: to look, to mend, or to check that it is mended."""

import re
import shlex
from collections.abc import Sequence
from typing import Final, Literal

from rundrill.claims import Step
from rundrill.runbook.kubectl import Invocation, read_invocation
from rundrill.runbook.wordset import word_set

CommandKind = Literal["diagnosis", "remedy", "verification"]
StepKind = Literal["diagnosis", "remedy", "verification", "manual", "monitoring"]

READING_VERBS: Final = frozenset(
    {
        "get", "describe", "logs", "top pod", "top pods", "top po", "top node", "top nodes",
        "top no", "rollout history", "events", "explain", "api-resources", "api-versions",
        "version", "cluster-info", "auth can-i", "auth whoami", "diff", "config view",
        "config current-context", "config get-contexts", "config get-clusters", "port-forward",
        "options", "proxy",
    }
)  # fmt: skip
"""kubectl verbs that change nothing in the cluster."""
CHECKING_VERBS: Final = frozenset({"rollout status", "wait"})

_READERS = word_set(
    "amtool cat date df dig du echo env find free getent grep head host hostname http id ip jcmd"
    " journalctl jq jstack less ls lsof nc netstat nslookup openssl pg_isready ping printenv"
    " promtool ps sort ss stat stern tail tcpdump telnet top traceroute uname uptime wc wget whoami"
    " zgrep awk cut tr uniq sed tee xxd true sleep logcli"
)
"""Programs that only look, whatever their arguments."""
_READING_WORDS = word_set(
    "status list ls get show describe history logs log ps inspect info version diff ping stats"
    " top events cat view search is-active"
)
"""First arguments with which a program such as helm or systemctl only looks."""
_WRITING_QUERY = re.compile(
    r"\b(?:insert|update|delete|drop|truncate|alter|create|grant|revoke|vacuum|reindex|call"
    r"|pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_promote|kill|flushall|flushdb"
    r"|shutdown|set|del|expire|failover|purge)\b",
    re.IGNORECASE,
)
_QUERIES = frozenset({"psql", "mysql", "mongosh", "mongo", "redis-cli", "valkey-cli", "sqlite3"})
_SENDING = re.compile(
    r"-X(?:POST|PUT|PATCH|DELETE)\Z|--(?:data|json|form|upload-file)|-[dFT]", re.IGNORECASE
)
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SHELLS = frozenset({"sh", "bash", "ash", "zsh"})
_PREFIXES = frozenset({"sudo", "xargs", "watch", "time", "nohup", "env", "timeout", "exec"})
_SEPARATORS = frozenset({"|", "||", "&&", ";", "&", "|&", "\n"})
_STRENGTH: Final[Sequence[CommandKind]] = ("diagnosis", "verification", "remedy")


def step_kind(step: Step) -> StepKind:
    """The strongest of its commands' kinds; without commands, monitoring or manual."""
    if step.commands:
        return _strongest([command_kind(command.text) for command in step.commands])
    return "manual" if step.duration_s is None else "monitoring"


def command_kind(text: str) -> CommandKind:
    """What a shell command does, of several the strongest. What is not known to look, mends."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # an unclosed quote
        words = text.split()
    kinds: list[CommandKind] = []
    simple: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS:
            if simple:
                kinds.append(_kind(simple))
            simple = []
        else:
            simple.append(word)
    return _strongest(kinds)


def _strongest(kinds: Sequence[CommandKind]) -> CommandKind:
    return max(kinds, key=_STRENGTH.index, default="diagnosis")


def _kind(words: Sequence[str]) -> CommandKind:
    words = _without_prefixes(words)
    program = words[0].rpartition("/")[2] if words else ""
    arguments = words[1:]
    if program == "kubectl":
        return kubectl_kind(read_invocation(arguments))
    if program in _SHELLS and "-c" in arguments:
        return command_kind(" ".join(arguments[arguments.index("-c") + 1 :]))
    return "diagnosis" if _only_looks(program, arguments) else "remedy"


def _without_prefixes(words: Sequence[str]) -> Sequence[str]:
    """`sudo -n xargs kubectl ...` is kubectl; `FOO=bar helm ...` is helm."""
    prefixed = False
    for at, word in enumerate(words):
        if word in _PREFIXES:
            prefixed = True
        elif not (
            re.match(r"[A-Za-z_]\w*=", word)
            or (prefixed and (word.startswith("-") or re.match(r"[\d.]+[smh]?\Z", word)))
        ):
            return words[at:]
    return ()


def kubectl_kind(invocation: Invocation) -> CommandKind:
    """What one kubectl call does. A dry run only looks."""
    verb = invocation.verb
    if verb in CHECKING_VERBS:
        return "verification"
    if verb in READING_VERBS or any(
        value in ("client", "server") for value in invocation.flags.get("dry-run", ())
    ):
        return "diagnosis"
    if verb == "exec":
        return _kind(invocation.inner or invocation.arguments[1:])
    return "diagnosis" if not verb else "remedy"


def _only_looks(program: str, arguments: Sequence[str]) -> bool:
    if program in _READERS or not program:
        return True
    if program in _QUERIES:
        return not any(_WRITING_QUERY.search(argument) for argument in arguments)
    if program == "curl":
        return not any(
            _SENDING.match(argument) or argument.upper() in _METHODS for argument in arguments
        )
    return any(
        word in _READING_WORDS or word.startswith(("describe-", "list-", "get-"))
        for word in arguments[:3]
    )
