from textwrap import dedent

import pytest

from rundrill.claims import Command
from rundrill.runbook import parse
from rundrill.runbook.shell import read_shell, without_comment

FENCE = "```"


def read_commands(text: str) -> list[Command]:
    return [command for _, command in parse(text, "runbook.md").having(Command)]


def found(text: str) -> list[tuple[int, str]]:
    return [(command.line, command.text) for command in read_commands(dedent(text))]


def block(language: str, body: str) -> str:
    return f"{FENCE}{language}\n{dedent(body)}{FENCE}\n"


def test_several_commands_with_comments_and_blank_lines() -> None:
    text = block(
        "bash",
        """\
        # first
        kubectl get pods

        kubectl get svc # and look
        export NS=shop
        """,
    )
    assert found(text) == [(3, "kubectl get pods"), (5, "kubectl get svc"), (6, "export NS=shop")]


def test_continuations_are_joined_and_keep_the_first_line() -> None:
    text = block("sh", "kubectl get pods \\\n  -n shop \\\n\n\nkubectl \\\n> get svc\nls \\\n")
    assert found(text) == [(2, "kubectl get pods -n shop"), (6, "kubectl get svc"), (8, "ls")]


def test_quotes_and_heredocs_go_on_over_lines() -> None:
    text = block(
        "sh",
        """\
        psql -c "SELECT 1,
                 2"
        cat <<'EOF' | kubectl apply -f -
        kind: Pod
        EOF
        echo don't
        cat <<NEVER
        kubectl get \\"pods
        """,
    )
    assert found(text) == [
        (2, 'psql -c "SELECT 1,\n         2"'),
        (4, "cat <<'EOF' | kubectl apply -f -\nkind: Pod\nEOF"),
        (7, "echo don't"),
        (8, "cat <<NEVER"),
        (9, 'kubectl get \\"pods'),
    ]


def test_an_apostrophe_in_a_comment_opens_nothing() -> None:
    assert found(block("sh", "ls # it's here\npwd\n")) == [(2, "ls"), (3, "pwd")]


def test_a_second_apostrophe_is_not_looked_for_again() -> None:
    lines = ["echo don't", "echo won't", "echo can't"]
    assert [one.text for one in read_shell(lines[:1] + lines[2:], first_line=1)] == [
        "echo don't\necho can't"
    ]
    assert [one.text for one in read_shell(lines, first_line=1)] == [
        "echo don't\necho won't",
        "echo can't",
    ]
    assert [one.text for one in read_shell(['a "b', "c 'd", 'e "f'], first_line=1)] == [
        'a "b\nc \'d\ne "f'
    ]
    assert [one.text for one in read_shell(["a 'b", 'c "d', 'e "f'], first_line=1)] == [
        "a 'b",
        'c "d\ne "f',
    ]
    assert [one.text for one in read_shell(["a 'b", "c", "d"], first_line=1)] == ["a 'b", "c", "d"]
    assert [one.text for one in read_shell(['a "b', 'c # "', "d"], first_line=1)] == [
        'a "b\nc # "',
        "d",
    ]


def test_prompts_are_stripped_and_output_is_left_out() -> None:
    text = block(
        "console",
        """\
        $ kubectl get pods
        NAME  READY
        user@host:~$ kubectl get svc
        """,
    )
    assert found(text) == [(2, "kubectl get pods"), (4, "kubectl get svc")]


def test_a_block_without_a_language_needs_a_known_program() -> None:
    text = block("", "kubectl get pods\nNAME READY\n") + block("yaml", "kubectl: yes\n")
    assert found(text) == [(2, "kubectl get pods")]


def test_an_indented_block_holds_commands_too() -> None:
    assert found("Run:\n\n    kubectl get pods\n    what it says\n") == [(3, "kubectl get pods")]


def test_a_loop_is_one_command() -> None:
    text = block("bash", "for p in a b; do\n  kubectl delete pod $p\ndone\n")
    assert found(text) == [(2, "for p in a b; do\nkubectl delete pod $p\ndone")]


def test_a_loop_that_does_not_end_is_read_line_by_line() -> None:
    text = block("sh", "for a in b; do\nfor c in d; do\nls\ndone\n")
    assert found(text) == [(2, "for a in b; do"), (3, "for c in d; do\nls\ndone")]


@pytest.mark.parametrize(
    ("span", "is_one"),
    [
        ("kubectl get pods", True),
        ("$ kubectl get pods", True),
        ("sudo systemctl restart x", True),
        ("FOO=bar helm list", True),
        ("/usr/bin/curl localhost", True),
        ("paytool drain", True),  # the document calls it in a block
        ("kubectl", False),
        ("#incidents", False),
        ("payment-service", False),
        ("Kubectl get", False),
        ("A=b", False),
    ],
)
def test_inline_code(span: str, is_one: bool) -> None:
    text = block("bash", "paytool status\n") + f"\nUse `{span}` now.\n"
    assert (span.removeprefix("$ ") in [command for _, command in found(text)]) is is_one


def test_the_line_of_a_code_span_is_its_own() -> None:
    text = "1. One\n   two `kubectl get\n   pods` three\n   four `kubectl get svc`\n"
    assert found(text) == [(2, "kubectl get pods"), (4, "kubectl get svc")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("kubectl describe pod <pod-name> -n x", ("<pod-name>",)),
        ("kubectl logs <pod name> <pod name>", ("<pod name>",)),
        ("kubectl get -n $NS ${POD}", ("$NS", "${POD}")),
        ("kubectl get {{ pod }} {{ns}}", ("{{ pod }}", "{{ns}}")),
        ("kubectl get -o go-template='{{range .items}}{{.a}}{{end}}'", ()),
        ("awk '{print $NF}' \\$HOME", ()),
        ('echo "$HOME"', ("$HOME",)),
        ("echo a\\n $A", ("$A",)),
        ("a <b >c $1 $(d)", ()),
    ],
)
def test_placeholders(text: str, names: tuple[str, ...]) -> None:
    (command,) = read_commands(block("sh", f"{text}\n"))
    assert command.placeholders == names


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a # b", "a "),
        ("a 'x # y' # b", "a 'x # y' "),
        ('a "x \\" # y" # b', 'a "x \\" # y" '),
        ("a#b", "a#b"),
    ],
)
def test_comments_at_the_end(text: str, kept: str) -> None:
    assert without_comment(text) == kept


@pytest.mark.parametrize("language", ["", "sh", "console", "text"])
@pytest.mark.parametrize("prompt", ["[root@bill-01 ~]#", "root@bill-01:/var/log#", "root@web#"])
def test_the_prompt_of_root_at_a_host_is_no_comment(language: str, prompt: str) -> None:
    text = block(language, f"{prompt} systemctl start billing\nstarted\n{prompt} whoami\n")
    assert found(text) == [(2, "systemctl start billing"), (4, "whoami")]


def test_a_variable_that_is_set_is_a_command_where_it_is_used() -> None:
    text = """\
        1. Take one
           - `POD=$(kubectl get po -n identity -o name | head -1)`
           - `NS=identity`
           - set `replicas=3` and `LOG_LEVEL=debug`
           - `kubectl exec -n ${NS} "$POD" -- date`

        | Set | To |
        |---|---|
        | `A=$(nosuchprogram x)` | `B=1` |

        ```
        HOSTS=`dig +short shop`
        NS=other
        ```
        """
    assert [command for _, command in found(text)] == [
        "POD=$(kubectl get po -n identity -o name | head -1)",
        "NS=identity",
        'kubectl exec -n ${NS} "$POD" -- date',
        "HOSTS=`dig +short shop`",
        "NS=other",
    ]


def test_in_a_block_without_a_language_root_has_a_prompt_where_nothing_else_is_a_command() -> None:
    printed = (
        "# df -h /var\n/dev/sdb1  100G  97G  97% /var\n# rabbitmqctl list_queues\n# make sure\n"
    )
    assert found(block("", printed)) == [(2, "df -h /var"), (4, "rabbitmqctl list_queues")]
    assert found(block("", "# find the pod\nkubectl get pods\n")) == [(3, "kubectl get pods")]
    assert found(block("sh", "# df -h /var\n")) == []


def test_options_of_sudo_and_pipes_to_a_known_program() -> None:
    body = "sudo -u postgres repmgr cluster show\nunheard of | tee out\nunheard of it\n"
    assert found(block("", body)) == [
        (2, "sudo -u postgres repmgr cluster show"),
        (3, "unheard of | tee out"),
    ]
