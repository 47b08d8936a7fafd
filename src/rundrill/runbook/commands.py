"""Which code of the document is a command: fences, indented blocks, inline spans."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rundrill.claims import Command
from rundrill.runbook import placeholders, shell
from rundrill.runbook.markdown import PLAIN, Block, CodeBlock, Paragraph, Table, walk
from rundrill.runbook.text import Span, Text
from rundrill.runbook.wordset import KEPT, word_set

KNOWN_PROGRAMS = word_set(
    "ab ansible ansible-playbook apt apt-get argocd aws awk az bash brew bundle calicoctl cat ceph"
    " certbot chmod chown chronyc cilium clickhouse-client cmctl consul cp crictl crontab ctr curl"
    " date df dig dmesg docker docker-compose dpkg du echo egrep eksctl etcdctl faas-cli fdisk find"
    " flux flyctl free fsck gcloud gh git go gpg grep grpcurl gsutil haproxy head helm heroku host"
    " hostname htop http iostat ip ipmitool iptables istioctl java jcmd jmap journalctl jq jstack"
    " k9s kafka-consumer-groups kafka-topics kill killall kinit krew kubeadm kubectl kubectx kubens"
    " kustomize ldapsearch linkerd ln ls lsblk lsof lvextend lvs make mkdir mongo mongosh mount mtr"
    " mv mysql mysqladmin mysqldump nc netstat nginx nft nmap node nomad npm npx nslookup oc"
    " openssl"
    " packer patronictl pg_basebackup pg_ctl pg_dump pg_isready pg_restore pgbench ping pip pkill"
    " podman poetry promtool ps psql pulumi python python3 rabbitmqctl rabbitmq-diagnostics rails"
    " rake rclone rdsadmin redis-cli resize2fs rm rsync ruby s3cmd salt scp sed service smartctl"
    " snmpwalk socat sqlite3 sqlplus ss ssh stat stern strace su sudo sysctl systemctl tail tar"
    " tcpdump tee telnet terraform top touch traceroute tracepath umount uptime valkey-cli vault"
    " velero vi vim vmstat watch wc wget xargs yum zcat zfs zgrep zpool amtool calico logcli"
    " pagerduty pd nats kcat aerospike asadm cqlsh nodetool spark-submit airflow dbt bq snowsql"
    " tsh teleport step getent id env printenv last who w uname lscpu"
    " sha256sum sha1sum sha512sum md5sum cksum sftp lftp base64 xxd hexdump diff cmp truncate dd tr"
    " cut sort uniq basename dirname realpath readlink nproc hostnamectl timedatectl loginctl"
    " resolvectl nmcli ethtool arp whois chgrp taskset renice ionice pgrep pstree dmidecode sar"
    " tshark swapoff swapon mkfs xmllint keytool postqueue postsuper mailq exim restic borg"
    " birdc rndc delv kdig pdnsutil rados rbd radosgw-admin mdadm iscsiadm drbdadm"
    " pcs virsh gluster"
    " varnishadm varnishlog nvidia-smi ipvsadm conntrack vtysh ufw firewall-cmd"
    " fail2ban-client nvme"
    " postmap postconf doveadm rspamc mosquitto_pub mosquitto_sub rabbitmqadmin hdfs yarn beeline"
    " php composer mvn gradle cargo dotnet bpftrace gdb iperf3 fping ldapmodify"
    " klist dnf zypper apk"
    " puppet salt-call openstack doctl hcloud az kops minikube k3s skaffold tkn cosign trivy sops"
    " lvs pvs vgs lvcreate vgextend xfs_repair xfs_growfs e2fsck blkid parted wipefs influx trino"
    " ipconfig netsh dcdiag repadmin w32tm nltest certutil schtasks robocopy icacls wevtutil"
    " gpupdate gpresult sfc dism bcdedit diskpart fsutil tasklist taskkill klist tracert pathping"
    " pwsh powershell sqlcmd iisreset appcmd dsquery setspn wmic chkdsk quser"
    " wg wg-quick swanctl ipsec openvpn radtest knotc keymgr slapadd slapcat ldapadd ldapdelete"
    " ldapwhoami kadmin sosreport"
    " mysqlcheck mysqlbinlog pg_rewind pg_basebackup wal-g pgbackrest barman repmgr tabcmd"
)
SHELLS = frozenset(
    {
        "bash",
        "sh",
        "shell",
        "zsh",
        "ksh",
        "fish",
        "shell-script",
        "bash-session",
        "console-bash",
        "command",
        "powershell",
        "pwsh",
        "ps1",
        "posh",
        "cmd",
        "bat",
        "batch",
    }
)
SESSIONS = frozenset({"console", "shell-session", "shellsession", "sh-session", "terminal"})
_KEYWORDS = word_set(
    "if then else elif fi for while until do done case esac in function select time export set"
    " unset local return exit cd echo printf source alias true false read test"
)
_SHELL_WORDS = word_set("for while until if export source . set unset cd echo")
_NOUNS = word_set("http time test watch")
_VERBS = word_set("make find watch kill sort cut free mount last head date host split")
_BRACKETS = word_set("do done then else fi esac { } ( ) ;;")
"""Lines that only open or close what stands around them."""
_PROGRAM = re.compile(r"(?:[\w./~$\{\}-]*/)?([a-z][\w.+-]*)\Z")
_SUDO = re.compile(r"^sudo\s+(?:-(?:[ugpCh]|-user|-group)[\s=]\s*\S+\s+|--?[A-Za-z][\w-]*\s+){0,4}")
_SCRIPT = re.compile(r"(?:\.{0,2}/|~/|bin/)[\w./-]+\Z|[\w-]+\.(?:sh|py|rb|pl)\Z")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=\S*\Z")
_FILLED = re.compile(
    r"(?:(?:export|local)\s)?[A-Za-z_]\w*=[\"']?(?:\$\(|`)\s*(?:sudo\s)?([\w./-]+)(?=\s|\))"
)
"""A variable that is set to what a command prints."""
_SET = re.compile(r"([A-Za-z_]\w*)=\S+\Z")
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
_OPTION = re.compile(r"\s--?[A-Za-z][\w-]*(?:[=\s]|\Z)")
_PROSE = re.compile(r"[.,!?:;]\s+[A-Z]|[.!?]\Z|\s[\u2013\u2014-]\s|\S:\s")
_COLUMNS = re.compile(r"\S\s{2,}\S+\s{2,}\S")
"""A line of a table that some command printed."""
_ARGUMENT = re.compile(r"\s(?:-\w|\S*[/_|=<]|\w+-\w)")
_TOOL = re.compile(
    r"[a-z][a-z0-9]{0,20}(?:[-_][a-z0-9]{1,20}){0,3}[-_](?:admin|control|client|cli"
    r"|ctl|adm|checkzone"
    r"|checkconf)\Z|[a-z][a-z0-9_-]{0,20}ctl\Z"
)
"""A name that only a program has, whoever wrote it."""
_CALLED = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+\Z")
_FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]*[A-Za-z][\w.-]*\Z|/[\w./-]+\Z")
_WORD = re.compile(r"[\w./@:=<>{}$-]+\Z")
_LEFT_OUT = re.compile(r"\S+\s(?:\.\.\.|\u2026)\s")
""""dbt ... ERROR" is what something printed, or a part of a command."""
_CMDLET = re.compile(
    r"(?:Add|Backup|Checkpoint|Clear|Close|Compare|Complete|Confirm|Connect|Convert|ConvertFrom|ConvertTo"
    r"|Copy|Debug|Disable|Disconnect|Dismount|Enable|Enter|Exit|Expand|Export|Find|Format|Get|Grant|Import"
    r"|Initialize|Install|Invoke|Join|Limit|Lock|Measure|Merge|Mount|Move|New|Open|Out|Publish|Push|Read"
    r"|Receive|Register|Remove|Rename|Repair|Reset|Resize|Resolve|Restart|Restore|Resume|Revoke|Save"
    r"|Search|Select|Send|Set|Show|Split|Start|Stop|Submit|Suspend|Switch|Sync|Test|Trace|Unblock"
    r"|Uninstall|Unlock|Unregister|Update|Wait|Watch|Write)-(?!(?:Only|Write|Source|Ahead|Through|Back|Up|Down|Off|On|In|Driven|Heavy|Side|Wide)\b)"
    r"[A-Z][A-Za-z0-9]+(?=\s|\Z)"
)
"""A cmdlet of PowerShell: one of its verbs, and a noun in capitals."""
_DATA: Final = word_set("true false null none yes no error warn warning info debug")


@dataclass(frozen=True, slots=True)
class Found:
    """A command, the comment above it, which often says what it is for, and where it ends."""

    command: Command
    comment: str
    last_line: int


def learn_programs(blocks: Iterable[Block]) -> frozenset[str]:
    """The programs this document calls in its shell blocks, besides the usual ones.

    With them, as `$NAME`, the variables that its code uses: who sets one gives a command.
    """
    learned: set[str] = set()
    for block in walk(blocks):
        learned.update(
            f"${name}" for code in _code_of(block) if "$" in code for name in _USED.findall(code)
        )
        if isinstance(block, Paragraph):
            learned.update(_called_with_options(block.text))
        if not isinstance(block, CodeBlock) or block.language not in SHELLS | SESSIONS | PLAIN:
            continue
        plain = block.language in PLAIN
        for line in shell.read_shell(block.lines, first_line=block.line):
            sure = block.language in SHELLS or line.prompted
            if plain and not line.prompted:
                sure = looks_like_command(line.text, KNOWN_PROGRAMS)
            if sure and (word := program_of(line.text)) and not (plain and word in _DATA):
                learned.add(word)
    return (KNOWN_PROGRAMS | learned) - _KEYWORDS - {""}


def _called_with_options(text: Text) -> Iterable[str]:
    """The programs of inline code: "`tool sync --all`" tells that `tool status` is a command."""
    for span in text.spans:
        if span.mark == "code" and " -" in span.text:
            code = shell.strip_prompt(span.text)
            if not _LEFT_OUT.match(code) and looks_like_command(code, KNOWN_PROGRAMS):
                yield program_of(code)


def _code_of(block: Block) -> Iterable[str]:
    if isinstance(block, CodeBlock):
        return block.lines
    texts: Iterable[Text] = ()
    if isinstance(block, Paragraph):
        texts = (block.text,)
    elif isinstance(block, Table):
        texts = (cell for row in block.rows for cell in row)
    return (span.text for text in texts for span in text.spans if span.mark == "code")


def program_of(text: str) -> str:
    """The program word of a command, after assignments and `sudo`; "" when there is none."""
    if filled := _FILLED.match(text):
        return filled[1].rpartition("/")[2]
    for word in _SUDO.sub("", text, count=1).split(maxsplit=8):
        if _ASSIGNMENT.match(word) or word == "sudo":
            continue
        found = _PROGRAM.match(word)
        return "" if found is None else found[1]
    return ""


def looks_like_command(text: str, programs: frozenset[str]) -> bool:
    """Whether a line of code is one: a program that is known, a script, or one with options."""
    if _CMDLET.match(text):
        return True
    program = program_of(text)
    if (setting := _SET.match(text)) and f"${setting[1]}" in programs:
        return True
    first = text.split(maxsplit=1)[0] if text else ""
    if program in programs or first in _SHELL_WORDS or (first == "sudo" and program):
        return True
    if not program or program in _DATA or _PROSE.search(text) or _COLUMNS.search(text):
        return False
    if _SCRIPT.match(first) or (_TOOL.match(first) and first != text):
        return True
    if any(program_of(piped.strip()) in programs for piped in text.split(" | ")[1:]):
        return True  # what it prints goes to a program that is known
    return first == program and (_OPTION.search(text) is not None or _names_file(text))


def _names_file(text: str) -> bool:
    """Whether it is a compound name and arguments, the last of them a file."""
    first, *rest = text.split()
    if not 1 <= len(rest) <= 6 or _CALLED.match(first) is None:
        return False
    return all(_WORD.match(word) for word in rest) and _FILE.match(rest[-1]) is not None


@lru_cache(maxsize=KEPT)
def in_block(block: CodeBlock, programs: frozenset[str]) -> Sequence[Found]:
    """Commands of a code block. A session's output, a template or a data file holds none."""
    if block.language and block.language not in SHELLS | SESSIONS | PLAIN:
        return ()
    lines = list(shell.read_shell(block.lines, first_line=block.line))
    if any(line.prompted for line in lines):
        rooted = [] if block.language in SHELLS else _of_root(block, programs)
        user = [line for line in lines if line.prompted]
        taken = {line.line for line in user}
        lines = sorted(
            [*user, *(line for line in rooted if line.line not in taken)],
            key=lambda line: line.line,
        )
    elif block.language in SESSIONS:
        rooted = list(shell.read_shell(block.lines, first_line=block.line, root=True))
        prompted = [line for line in rooted if line.prompted]
        lines = prompted or [line for line in lines if looks_like_command(line.text, programs)]
    elif block.language not in SHELLS:
        lines = [line for line in lines if looks_like_command(line.text, programs)]
        lines = lines or _of_root(block, programs)
    return [
        Found(_command(line.line, line.text), line.comment, line.last_line)
        for line in lines
        if line.text not in _BRACKETS
    ]


def _of_root(block: CodeBlock, programs: frozenset[str]) -> list[shell.ShellLine]:
    """ "# df -h /" is one of root's and no comment; so are then the lines beside it."""
    lines = [
        line
        for line in shell.read_shell(block.lines, first_line=block.line, root=True)
        if line.prompted and program_of(line.text) in programs
    ]
    # "# make sure" is a comment: the lines beside one that is sure call a program it calls.
    sure = {program_of(line.text) for line in lines if _ARGUMENT.search(line.text)}
    return [
        line
        for line in lines
        if program_of(line.text) in sure
        and not _PROSE.search(line.text)
        and (_ARGUMENT.search(line.text) or program_of(line.text) not in _VERBS)
    ]


def in_text(text: Text, programs: frozenset[str]) -> list[Found]:
    """Commands among the inline code spans."""
    return [
        Found(_command(span.line, shell.strip_prompt(span.text)), "", span.line)
        for span in text.spans
        if is_command(span, programs)
    ]


def is_command(span: Span, programs: frozenset[str]) -> bool:
    """Whether a span is a command: a known program and at least one word for it.

    The name of a program alone is a mention; a script is called by its path.
    """
    if span.mark != "code":
        return False
    text = shell.strip_prompt(span.text)
    if _LEFT_OUT.match(text):
        return False
    words = text.split(maxsplit=2)
    if len(words) < 2:  # a cmdlet alone is as often a mention as any other name
        script = re.match(r"(?:\.{0,2}|~)/[\w./-]+\.(?:sh|py)\Z", text)
        setting = _SET.match(text)
        return script is not None or (setting is not None and f"${setting[1]}" in programs)
    if program_of(text) in programs - _NOUNS:
        return True
    return looks_like_command(text, programs - _NOUNS)


def in_blocks(blocks: Iterable[Block], programs: frozenset[str]) -> list[Found]:
    """Every command in `blocks`, in document order."""
    found: list[Found] = []
    for block in walk(blocks):
        if isinstance(block, CodeBlock):
            found += in_block(block, programs)
        elif isinstance(block, Table):
            for row in (block.header, *block.rows):
                for cell in row:
                    found += in_text(cell, programs)
        elif isinstance(block, Paragraph):
            found += in_text(block.text, programs)
    return found


def _command(line: int, text: str) -> Command:
    return Command(line=line, text=text, placeholders=placeholders.names(text))
