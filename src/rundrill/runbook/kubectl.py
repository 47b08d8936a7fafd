"""How kubectl reads its arguments: verb, flags and the rest of a command line.

Follows the rules of pflag, which kubectl uses: short flags may be clustered and may carry their
value; a long flag takes its value after `=` or, unless it is a switch, as the next word. The
flags are those of kubectl 1.37; a test compares them with the help of the installed one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.runbook.wordset import word_set

GROUPS: Final = frozenset({"rollout", "top", "set", "config", "auth", "certificate", "plugin"})
"""Verbs that say nothing without their second word: `rollout undo`."""

VALUE_FLAGS: Final = word_set(
    "address annotations api-group api-version as as-group as-uid as-user-extra cache-dir"
    " categories certificate-authority chunk-size client-certificate client-key cluster"
    " cluster-ip concurrency container containers context copy-to cpu cpu-percent"
    " current-replicas custom detach-keys env external-ip field-manager field-selector"
    " filename for from grace-period image image-pull-policy keys kubeconfig kuberc kustomize"
    " label-columns labels limit-bytes limits load-balancer-ip log-flush-frequency max"
    " max-depth max-log-requests memory min name namespace output override-type overrides"
    " password patch patch-file pod-running-timeout pod-selector port prefix profile"
    " profile-output protocol proxy-url prune-allowlist raw replicas request-timeout requests"
    " resource-version restart retries revision selector server session-affinity set-image"
    " since since-time skip-wait-for-delete-timeout sort-by subresource tail target"
    " target-port template timeout tls-server-name to-revision token type types user username"
    " v verbs vmodule"
)
"""Long flags that take the next word when no `=` follows them."""

SWITCHES_OF: Final[Mapping[str, frozenset[str]]] = {
    "logs": frozenset({"follow", "previous", "prefix"}),
    "top": frozenset({"containers"}),
}
"""Where a verb has a switch by the name or letter that is a value elsewhere."""

_SHORT: Final[Mapping[str, str]] = {
    "n": "namespace", "s": "server", "v": "v", "l": "selector", "o": "output", "c": "container",
    "f": "filename", "k": "kustomize", "p": "patch", "e": "env", "L": "label-columns",
    "A": "all-namespaces", "R": "recursive", "w": "watch", "i": "stdin", "t": "tty",
    "q": "quiet", "h": "help",
}  # fmt: skip
_SHORT_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "logs": {"f": "follow", "p": "previous"},
    "delete": {"i": "interactive"},
    "run": {"l": "labels"},
    "expose": {"l": "labels"},
    "set": {"c": "containers"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """`flags` maps long names to their values in order; a switch without one has "true"."""

    verb: str
    arguments: tuple[str, ...]
    flags: Mapping[str, tuple[str, ...]]
    inner: tuple[str, ...]
    """What stands after `--`: the command that `exec` runs."""

    def has(self, *names: str) -> bool:
        """Whether one of the flags is given and not switched off."""
        return any(
            value.lower() not in ("false", "f", "0")
            for name in names
            for value in self.flags.get(name, ())
        )


def read_invocation(words: Sequence[str]) -> Invocation:
    """Reads the words after `kubectl`. Any words are read; a missing verb is ""."""
    reader = _Reader(words)
    while reader.left:
        reader.read_word()
    verb = reader.positional[:1]
    if verb and verb[0] in GROUPS:
        verb = reader.positional[:2]
    return Invocation(
        verb=" ".join(verb),
        arguments=tuple(reader.positional[len(verb) :]),
        flags={name: tuple(values) for name, values in reader.flags.items()},
        inner=tuple(reader.inner),
    )


class _Reader:
    def __init__(self, words: Sequence[str]) -> None:
        self.left = list(reversed(words))
        self.positional: list[str] = []
        self.flags: dict[str, list[str]] = {}
        self.inner: list[str] = []

    def read_word(self) -> None:
        word = self.left.pop()
        if word == "--":
            self.inner = self.left[::-1]
            self.left = []
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            self._take(name, value if equals else None)
        elif word.startswith("-") and len(word) > 1:
            self._read_letters(word[1:])
        else:
            self.positional.append(word)

    @property
    def _verb(self) -> str:
        return self.positional[0] if self.positional else ""

    def _read_letters(self, letters: str) -> None:
        for at, letter in enumerate(letters):
            name = _SHORT_OF.get(self._verb, {}).get(letter) or _SHORT.get(letter, letter)
            rest = letters[at + 1 :]
            if rest.startswith("="):
                self._take(name, rest[1:])
                return
            if self._takes_value(name):
                self._take(name, rest or None)
                return
            self._take(name, None)

    def _take(self, name: str, value: str | None) -> None:
        if value is None:
            takes = self._takes_value(name) and self.left
            value = self.left.pop() if takes else "true"
        self.flags.setdefault(name, []).append(value)

    def _takes_value(self, name: str) -> bool:
        return name in VALUE_FLAGS and name not in SWITCHES_OF.get(self._verb, frozenset())
