"""The fate of steps that no shipped drill has."""

from dataclasses import replace
from pathlib import Path

from fakes import plan, step

from rundrill.claims import Command
from rundrill.model import BlastRadius, Edit, Plan
from rundrill.plan import read_service
from rundrill.preview import as_text, preview_of

SERVICE = read_service(Path(__file__).parents[3] / "runbooks" / "payment-service" / "service.yaml")


def drill(*steps: object, verbs: tuple[str, ...] = ("get", "edit")) -> Plan:
    radius = BlastRadius(namespaces=("production",), verbs=verbs)
    given = {"namespace": "production", "deployment": "web"}
    return plan(steps=steps, blast_radius=radius, fault_parameters=given)


def two(first: str, second: str) -> object:
    both = (Command(line=41, text=first), Command(line=42, text=second))
    return replace(step(1, "diagnosis", first), commands=both)


def test_what_follows_a_command_outside_in_its_own_step_is_not_reached() -> None:
    made = preview_of(
        drill(two("kubectl get pods -n vault", "kubectl get pods -n production")), SERVICE
    )
    assert [(one.line, one.fate) for one in made.procedure] == [
        (41, "refused"),
        (42, "not reached"),
    ]


def test_what_follows_a_command_that_cannot_be_run_as_written_is_run() -> None:
    made = preview_of(
        drill(two("kubectl get pods -n production | wc -l", "kubectl get pods -n production")),
        SERVICE,
    )
    assert [(one.fate, one.why) for one in made.procedure] == [
        ("refused", "a pipe needs a shell, and none is used"),
        ("run", ""),
    ]
    assert made.refusal is None


def test_an_edit_is_shown_with_what_it_sets_and_takes_away() -> None:
    edit = Edit(set={"/data/LEVEL": "debug"}, remove=("/data/OLD",))
    editing = replace(step(1, "remedy", "kubectl edit cm web -n production"), edit=edit)
    told = as_text([preview_of(drill(editing), SERVICE)])
    assert '^ sets /data/LEVEL to "debug"' in told
    assert "^ removes /data/OLD" in told


def test_a_bound_word_is_shown_as_it_will_be_filled_in() -> None:
    command = Command(line=41, text="kubectl get pod <pod> -n production", placeholders=("<pod>",))
    looking = replace(step(1, "diagnosis", command.text), commands=(command,))
    made = replace(drill(looking), placeholders={"<pod>": "web-1"})
    assert "^ <pod> is 'web-1'" in as_text([preview_of(made, SERVICE)])
    (nobody,) = preview_of(drill(looking), SERVICE).procedure
    assert (nobody.fate, nobody.why) == ("refused", "nothing is bound to <pod>")
