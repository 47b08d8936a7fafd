"""What commands ask for, against the audit log of a real API server (1.20) under kubectl 1.37."""

import json
import shlex
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.permissions.access import Access
from rundrill.permissions.kubectl import UnknownRequestsError, accesses_of
from rundrill.resources import KINDS as NAMED_IN_RUNBOOKS
from rundrill.runbook.kinds import KINDS, resource_of
from rundrill.runbook.kubectl import read_invocation
from rundrill.runbook.wordset import word_set

GOLDEN = Path(__file__).parents[2] / "golden" / "kubectl-requests.json"
RECORDED: dict[str, list[str]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["requests"]
FALLS_BACK = {"get pods/exec", "get pods/portforward"}
"""A WebSocket, tried first: where it is refused kubectl goes on with a POST."""


def asked(command: str) -> set[str]:
    return {written(access) for access in accesses_of(read_invocation(shlex.split(command)[1:]))}


def written(access: Access) -> str:
    group = f".{access.group}" if access.group else ""
    return f"{access.verb} {access.resource}{group} {access.namespace or '*'}"


@pytest.mark.parametrize("command", RECORDED)
def test_every_request_that_was_recorded_is_foreseen(command: str) -> None:
    recorded = {one for one in RECORDED[command] if one.rpartition(" ")[0] not in FALLS_BACK}
    assert recorded <= asked(command)


@pytest.mark.parametrize("command", RECORDED)
def test_nothing_is_foreseen_that_is_not_asked_for(command: str) -> None:
    beyond = asked(command) - set(RECORDED[command])
    if command.startswith("kubectl delete"):  # what was gone at once was not waited for
        beyond = {one for one in beyond if one.split()[0] not in ("get", "list", "watch")}
    if command.startswith("kubectl describe"):  # of nothing there, or of several, no events
        beyond = {one for one in beyond if one.split()[0] not in ("get", "list")}
    assert beyond == set()


def test_what_a_description_needs_is_exact_where_one_object_was_described() -> None:
    for command in (
        "kubectl describe pod web-1 -n production",
        "kubectl describe deployment payment-service -n production",
        "kubectl describe statefulset postgresql -n database",
        "kubectl describe svc payment-service -n production",
        "kubectl describe networkpolicy payment-ingress -n production",
        "kubectl describe nodes",
        "kubectl describe namespace production",
    ):
        assert asked(command) == set(RECORDED[command]), command


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("kubectl get widgets -n production", "the kind `widgets` is not known here"),
        ("kubectl get -f thing.yaml", "what the file names"),
        ("kubectl get --raw /metrics", "may ask for anything"),
        ("kubectl get -n production", "names no kind"),
        ("kubectl frobnicate pods", "`frobnicate`"),
        ("kubectl cluster-info dump", "whatever there is"),
    ],
)
def test_what_nobody_can_tell_is_told_as_such(command: str, why: str) -> None:
    with pytest.raises(UnknownRequestsError, match=why):
        asked(command)


def test_a_kind_of_somebody_elses_group_is_asked_for_by_its_name() -> None:
    assert asked("kubectl get certificates.cert-manager.io web -n production") == {
        "get certificates.cert-manager.io production"
    }
    assert resource_of("deployments.v1.apps") == KINDS["deploy"]


def test_everywhere_is_everywhere_and_no_namespace_is_the_default_one() -> None:
    assert asked("kubectl get pods -A") == {"list pods *"}
    assert asked("kubectl get pods") == {"list pods default"}


def test_taking_a_label_away_names_no_object() -> None:
    assert asked("kubectl label pods -l app=a tier- -n production") == {
        "list pods production",
        "patch pods production",
    }


def test_a_copy_is_in_the_namespace_that_its_argument_names() -> None:
    assert asked("kubectl cp database/postgresql-0:/a /tmp/a -n production") == {
        "get pods database",
        "create pods/exec database",
    }


def test_every_kind_that_a_runbook_names_has_its_group() -> None:
    assert set(NAMED_IN_RUNBOOKS) <= set(KINDS)


WORDS = word_set(
    "get describe logs events top pods nodes rollout undo status history scale delete edit exec"
    " cp port-forward create expose run wait label set image all namespaces -A -w -l a=b"
    " -n production pod/web deploy,svc web: database/web:/a x- , / . .. -- -f --raw"
    " --current-replicas=1 --subresource=scale --dry-run=client --from=cronjob/x"
)


@given(st.lists(st.sampled_from(sorted(WORDS)) | st.just(""), max_size=7))
def test_any_words_are_read_or_told_to_be_unknown(words: list[str]) -> None:
    with suppress(UnknownRequestsError):
        for access in accesses_of(read_invocation(words)):
            assert access.verb
            assert access.resource


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("kubectl events -n production -w", {"list events production", "watch events production"}),
        ("kubectl create job now --from=cronjob/nightly -n production",
         {"create jobs.batch production", "get cronjobs.batch production"}),
        ("kubectl describe ns/production",
         {"get namespaces production", "list resourcequotas production",
          "list limitranges production"}),
        ("kubectl get ns production", {"get namespaces production"}),
        ("kubectl get ns", {"list namespaces *"}),
        ("kubectl top node worker-1", {"get nodes.metrics.k8s.io *", "get nodes *"}),
        ("kubectl rollout undo daemonset/agent -n production",
         {"get daemonsets.apps production", "list controllerrevisions.apps production",
          "patch daemonsets.apps production"}),
    ],
)  # fmt: skip
def test_what_was_not_recorded_follows_the_same_rules(command: str, wanted: set[str]) -> None:
    assert asked(command) == wanted
