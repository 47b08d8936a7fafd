"""Runbooks of Windows teams, and lists by letters, that Markdown does not know."""

import pytest

from rundrill.claims import Command, Deadline, Runbook, Severity, Threshold
from rundrill.runbook import parse


def read(text: str) -> Runbook:
    return parse(f"# VPN\n\n## Procedure\n\n{text}\n", "vpn.md")


def commands(text: str) -> list[str]:
    return [command.text for _, command in read(text).having(Command)]


@pytest.mark.parametrize(
    "command",
    [
        "Get-Service -Name IAS",
        "Restart-Service Spooler",
        "Test-NetConnection gw.example.com -Port 443",
        "ipconfig /flushdns",
        "repadmin /replsummary",
    ],
)
def test_windows_commands_in_line_in_a_block_and_at_a_prompt(command: str) -> None:
    assert commands(f"1. Then `{command}` on it.") == [command]
    assert commands(f"```powershell\n{command}\n```") == [command]
    assert commands(f"```\nPS C:\\> {command}\nStatus : Running\n```") == [command]
    assert commands(f"Never run `{command}`.") == []


@pytest.mark.parametrize(
    "mention", ["Read-Only mode", "Get-Well cards", "Get-Service", "Follow-Up"]
)
def test_what_has_a_hyphen_and_is_no_cmdlet_of_its_own(mention: str) -> None:
    found = commands(f"1. It is `{mention}` here.")
    assert found == ([] if " " not in mention or mention[:4] != "Get-" else [mention])


def test_a_table_of_powershell_is_one_command() -> None:
    (one,) = commands("```powershell\nGet-WinEvent -FilterHashtable @{\n  Id=1\n} | Select Id\n```")
    assert one.splitlines() == ["Get-WinEvent -FilterHashtable @{", "Id=1", "} | Select Id"]
    # One that nothing closes ends with its line.
    assert len(commands("```powershell\nGet-WinEvent -Filter @{\nGet-Service A\n```")) == 2


def test_items_by_letters_hold_what_is_indented_below_them() -> None:
    text = "1.1 Look.\n\n   a. First:\n\n      ```sh\n      kubectl get pods\n      ```\n\n"
    text += "   b. Limits:\n\n      1. Proxy CPU: not above 85%\n      2. Tunnels: maximum 4,000\n"
    runbook = read(text)
    assert [(claim.line, one.text) for claim, one in runbook.having(Command)] == [
        (10, "kubectl get pods")
    ]
    assert [one.value for _, one in runbook.having(Threshold)] == [0.85, 4000]
    assert [line.text for line in runbook.lines if "a. First" in line.text] == ["   a. First:"]


def test_code_below_a_letter_stays_code() -> None:
    assert commands("a) Look\n\n    kubectl get pods\n\nb) Again\n\n    kubectl get svc") == [
        "kubectl get pods",
        "kubectl get svc",
    ]


def test_a_program_called_with_options_once_is_known_elsewhere() -> None:
    assert commands("1. `shipit freeze on --all`\n2. Lift it: `shipit freeze off`") == [
        "shipit freeze on --all",
        "shipit freeze off",
    ]
    assert commands("1. Lift it: `shipit freeze off`") == []


def test_a_level_is_named_as_it_is_written_and_not_by_its_condition() -> None:
    text = (
        "## Priorities\n\n1.1 **Priority 1** - All users of a site, or all. Respond in 5 minutes.\n"
    )
    text += "\n1.2 **Priority 2** - Single user. Respond in 1 hour.\n"
    levels = [(one.id, one.name) for _, one in parse(f"# X\n\n{text}", "x.md").having(Severity)]
    assert levels == [("P1", "Priority 1"), ("P2", "Priority 2")]
    text = "## Severities\n\n- SEV1 - Major outage: respond in 5 minutes\n"
    levels = [(one.id, one.name) for _, one in parse(f"# X\n\n{text}", "x.md").having(Severity)]
    assert levels == [("SEV1", "Major outage")]


def test_what_is_to_be_done_on_a_condition_is_due() -> None:
    def due(sentence: str) -> list[float | None]:
        found = read(f"1. {sentence}").having(Deadline)
        return [one.term.seconds for _, one in found if one.term is not None]

    assert due("If it stays red, tell the owner within 15 minutes.") == [900]
    assert due("If it is full, you should say so within 15 minutes.") == [900]
    assert due("If it recovers within 15 minutes, close the incident.") == []
