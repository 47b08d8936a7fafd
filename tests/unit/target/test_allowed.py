"""On whose cluster a drill may run, and when: every refusal is one message with its fix."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rundrill.base.document import parse
from rundrill.errors import ExperimentError, TargetError
from rundrill.plan.contexts import AllowedContext, read_contexts
from rundrill.target.allowed import (
    ContextIdentity,
    identity_of,
    require_named,
    require_no_blackout,
    require_sure,
)

SERVICE = Path("service.yaml")
BERLIN = ZoneInfo("Europe/Berlin")
KUBECONFIG = {
    "contexts": [
        {"name": "stage", "context": {"cluster": "c1", "user": "u1", "namespace": "production"}}
    ],
    "clusters": [{"name": "c1", "cluster": {"server": "https://api.stage.acme.io:6443"}}],
}


def allowed(text: str) -> tuple[AllowedContext, ...]:
    return read_contexts(parse(text, SERVICE, ExperimentError))


CONTEXTS = allowed("""
- name: staging-eu
- name: staging-us
  blackout:
    - {weekly: fri 16:00 - mon 08:00, zone: Europe/Berlin, why: nobody is in}
""")


def test_a_context_that_the_file_names_is_its_entry() -> None:
    assert require_named("staging-us", CONTEXTS, service=SERVICE) is CONTEXTS[1]


def test_a_context_that_it_does_not_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(TargetError) as refused:
        require_named("staging-ue", CONTEXTS, service=SERVICE)
    assert str(refused.value) == (
        "service.yaml: the context 'staging-ue' is not one that drills of this service may run on\n"
        "  fix: did you mean staging-us or staging-eu?; if drills may break what runs there,"
        " add `- name: staging-ue` under `contexts`"
    )


@pytest.mark.parametrize("name", ["staging", "STAGING-EU", "staging-eu ", "", "*", "staging-*"])
def test_a_name_is_taken_literally(name: str) -> None:
    with pytest.raises(TargetError):
        require_named(name, CONTEXTS, service=SERVICE)


def test_without_contexts_none_is_allowed() -> None:
    assert read_contexts(None) == ()
    with pytest.raises(TargetError, match="add `- name: a` under `contexts`"):
        require_named("a", (), service=SERVICE)


def test_what_does_not_look_like_production_needs_no_more() -> None:
    identity = identity_of(KUBECONFIG, "stage")
    assert identity == ContextIdentity(
        name="stage", cluster="c1", server="https://api.stage.acme.io:6443", user="u1"
    )
    require_sure(identity, sure=None)  # its namespace is called production, and that is no matter
    require_sure(identity, sure="stage")


@pytest.mark.parametrize(
    "identity",
    [
        ContextIdentity(name="payments-prod"),
        ContextIdentity(name="eu", cluster="arn:aws:eks:eu-west-1:1:cluster/prod"),
        ContextIdentity(name="eu", server="https://api.prod.acme.io:6443"),
        ContextIdentity(name="eu", server="https://rancher.acme.io/k8s/clusters/prod"),
        ContextIdentity(name="eu", server="api.prod.acme.io"),
        ContextIdentity(name="eu", server="https://[prod"),
        ContextIdentity(name="eu", user="admin@prod"),
    ],
)
def test_production_is_refused_unless_its_name_is_said(identity: ContextIdentity) -> None:
    with pytest.raises(TargetError) as refused:
        require_sure(identity, sure=None)
    assert "looks like production" in str(refused.value)
    assert f"--yes-i-am-sure {identity.name}" in str(refused.value)
    require_sure(identity, sure=identity.name)


@pytest.mark.parametrize("sure", ["", "payments", "payments-prod ", "Payments-Prod", "prod"])
def test_another_name_is_never_sure(sure: str) -> None:
    for name in ("payments-prod", "staging"):
        with pytest.raises(TargetError, match="--yes-i-am-sure says"):
            require_sure(ContextIdentity(name=name), sure=sure)


@pytest.mark.parametrize("server", ["https://k8s.acme.pro", "https://k8s.acme.live:6443", ""])
def test_the_end_of_a_domain_says_nothing(server: str) -> None:
    require_sure(ContextIdentity(name="staging", server=server), sure=None)


@pytest.mark.parametrize(
    "config",
    [None, [], "x", {}, {"contexts": 3}, {"contexts": [3, {"name": "eu", "context": "x"}]},
     {"contexts": [{"name": "eu", "context": {"cluster": None}}], "clusters": [{"name": ""}]}],
)  # fmt: skip
def test_a_kubeconfig_that_is_none_has_nothing_but_the_name(config: object) -> None:
    assert identity_of(config, "eu") == ContextIdentity(name="eu")


def test_in_a_blackout_nothing_starts() -> None:
    sunday = datetime(2026, 3, 8, 12, 0, tzinfo=BERLIN)
    with pytest.raises(TargetError) as refused:
        require_no_blackout(CONTEXTS[1], now=sunday, lasts_s=600.0, service=SERVICE)
    assert str(refused.value) == (
        "service.yaml:5: no drill may run now on 'staging-us': fri 16:00 - mon 08:00 Europe/Berlin"
        " (nobody is in): Fri 2026-03-06 16:00 CET to Mon 2026-03-09 08:00 CET\n"
        "  fix: run it after Mon 2026-03-09 08:00 CET"
    )


def test_nothing_starts_that_could_reach_into_one() -> None:
    friday = datetime(2026, 3, 6, 14, 30, tzinfo=UTC)  # 15:30 there
    require_no_blackout(CONTEXTS[1], now=friday, lasts_s=1800.0, service=SERVICE)
    with pytest.raises(TargetError) as refused:
        require_no_blackout(CONTEXTS[1], now=friday, lasts_s=1801.0, service=SERVICE)
    assert "a drill that can take" not in str(refused.value)
    assert "can take 30 minutes may begin now, since a blackout begins in 30" in str(refused.value)
    require_no_blackout(CONTEXTS[0], now=friday, lasts_s=1e6, service=SERVICE)
