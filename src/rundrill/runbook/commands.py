"""Which code of the document is a command: fences, indented blocks, inline spans."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rundrill.claims import Command
from rundrill.runbook import placeholders, shell
from rundrill.runbook.markdown import Block, CodeBlock, ItemList, Span, Table, Text
from rundrill.runbook.wordset import word_set

KNOWN_PROGRAMS = word_set(
    "ansible ansible-playbook argocd aws az bash calicoctl cmctl consul crictl ctr curl dig docker"
    " docker-compose eksctl etcdctl flux gcloud gh git gsutil helm http istioctl journalctl"
    " kafka-consumer-groups kafka-topics kill killall krew kubectl kubectx kubens kustomize"
    " linkerd lsof mongo mongosh mysql mysqladmin mysqldump nc netstat nomad nslookup oc openssl"
    " pg_dump pg_isready pg_restore ping pkill podman promtool psql rabbitmqctl redis-cli rsync"
    " scp ss ssh stern sudo systemctl tcpdump telnet terraform traceroute valkey-cli vault velero"
    " wget amtool calico cilium logcli"
)
SHELLS = frozenset({"bash", "sh", "shell", "zsh", "ksh", "fish", "shell-script", "bash-session"})
SESSIONS = frozenset({"console", "shell-session", "shellsession", "sh-session", "terminal"})
_KEYWORDS = word_set(
    "if then else elif fi for while until do done case esac in function select time export set"
    " unset local return exit cd echo printf source alias true false read test"
)
_BRACKETS = word_set("do done then else fi esac { } ( ) ;;")
"""Lines that only open or close what stands around them."""
_PROGRAM = re.compile(r"(?:[\w./~-]*/)?([a-z][\w.+-]*)\Z")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=\S*\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """A command and the comment above it, which often says what it is for."""

    command: Command
    comment: str


def learn_programs(blocks: Iterable[Block]) -> frozenset[str]:
    """The programs this document calls in its shell blocks, besides the usual ones."""
    learned = {
        word
        for block in walk(blocks)
        if isinstance(block, CodeBlock) and block.language in SHELLS
        for line in shell.read_shell(block.lines, first_line=block.line)
        if (word := program_of(line.text))
    }
    return (KNOWN_PROGRAMS | learned) - _KEYWORDS


def program_of(text: str) -> str:
    """The program word of a command, after assignments and `sudo`; "" when there is none."""
    for word in text.split(maxsplit=8):
        if _ASSIGNMENT.match(word) or word == "sudo":
            continue
        found = _PROGRAM.match(word)
        return "" if found is None else found[1]
    return ""


def in_block(block: CodeBlock, programs: frozenset[str]) -> list[Found]:
    """Commands of a code block. A session's output, a template or a data file holds none."""
    if block.language and block.language not in SHELLS | SESSIONS | {"text", "txt", "plaintext"}:
        return []
    lines = list(shell.read_shell(block.lines, first_line=block.line))
    if any(line.prompted for line in lines):
        lines = [line for line in lines if line.prompted]
    elif block.language not in SHELLS:
        lines = [line for line in lines if program_of(line.text) in programs]
    return [
        Found(_command(line.line, line.text), line.comment)
        for line in lines
        if line.text not in _BRACKETS
    ]


def in_text(text: Text, programs: frozenset[str]) -> list[Found]:
    """Commands among the inline code spans."""
    return [
        Found(_command(span.line, shell.strip_prompt(span.text)), "")
        for span in text.spans
        if is_command(span, programs)
    ]


def is_command(span: Span, programs: frozenset[str]) -> bool:
    """Whether a span is a command: a known program and at least one word for it.

    The name of a program alone is a mention.
    """
    text = shell.strip_prompt(span.text)
    return span.code and program_of(text) in programs and len(text.split(maxsplit=2)) > 1


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks in document order, those inside list items included."""
    for block in blocks:
        yield block
        if isinstance(block, ItemList):
            for item in block.items:
                yield from walk(item.blocks)


def in_blocks(blocks: Iterable[Block], programs: frozenset[str]) -> list[Found]:
    """Every command in `blocks`, in document order."""
    found: list[Found] = []
    for block in walk(blocks):
        if isinstance(block, CodeBlock):
            found += in_block(block, programs)
        elif isinstance(block, Table):
            for row in block.rows:
                for cell in row:
                    found += in_text(cell, programs)
        elif not isinstance(block, ItemList):
            found += in_text(block.text, programs)
    return found


def _command(line: int, text: str) -> Command:
    return Command(line=line, text=text, placeholders=placeholders.names(text))
