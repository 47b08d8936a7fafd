"""Which names look like production: a name too many costs a flag, one too few an outage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.target.production import looks_like_production

PRODUCTION = """
prod production prd Prod PRODUCTION prods prod1 prod-01 prod01 prd2 eks-prod eksprod k8sprod euprod
prodeu prodeu1 prod_eu prod.eu prod-eu-west-1 acme-prod acmeprodeu myProdCluster paymentsProd PRODeu
EUProd payments@prod prod/payments arn:aws:eks:eu-west-1:123456789012:cluster/prod-payments
gke_acme-prod_europe-west1_main gke_acme_europe-west1-b_production clusterAdmin_prod-rg_aks
admin@prod.acme.io prodlike prod-copy staging-of-prod non-customer-prod nonprod-and-prod
products-prod product-production productprod reproduce-prod storeproduction productive
Produktion produktiv produccion produção productie produzione-prd live live-eu eu-live LIVE go-live
golive liveeu live1 shoplive uslive payments.live.eu pro eks-pro pro-eu pr0d
\uff50\uff52\uff4f\uff44 p\u200brod
prd-eu euprd prdeu 生产 本番環境 прод kubernetes-admin@prod pre-prod-then-prod prod-nonprod
eu-no-prod preview-prod production-namespace-test Prod2Staging newprod prodnew cannonprod
""".split()  # noqa: SIM905 - a table of names reads better so

OTHER = """
staging stage dev test qa uat sandbox demo local minikube kind-kind docker-desktop k3s-default
default kubernetes kubernetes-admin@kubernetes reproduce reproduce-bug reproducer bug-reproduction
product product-catalog-staging products productcatalog-dev product_api producers kafka-producer-dev
producing productivity-dev prodigy prodigy-dev by-product nonprod non-prod non-production nonProd
not-prod preprod pre-prod pre-production preprod-eu pre_prod prelive pre-live acme-nonprod
gke_acme-nonprod_europe-west1_main process processing promo prometheus project profile protected
provisioning delivery deliver alive olive relive outlive livestream-dev liverpool lively enliven
api.staging.acme.io 10.0.0.1 127.0.0.1 arn:aws:eks:eu-west-1:123456789012:cluster/staging
A1B2C3D4E5F60718293A4B5C6D7E8F90.gr7.eu-west-1.eks.amazonaws.com prague parade spread approve
improve reproducible co-producer coproduction
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", PRODUCTION)
def test_what_looks_like_production_is_seen(name: str) -> None:
    assert looks_like_production(name) is not None


@pytest.mark.parametrize("name", OTHER)
def test_what_does_not_is_left_alone(name: str) -> None:
    assert looks_like_production(name) is None


def test_nothing_is_no_name() -> None:
    assert looks_like_production("") is None


_PART = st.sampled_from(["eu", "west1", "acme", "payments", "01", "k8s", "blue", "a", "cluster"])
_MARK = st.sampled_from(["-", "_", ".", "/", ":", "@", "--"])


@given(
    before=st.lists(_PART, max_size=3),
    word=st.sampled_from(["prod", "Prod", "PROD", "production", "PRD", "prd", "Production"]),
    after=st.lists(_PART, max_size=3),
    mark=_MARK,
)
def test_it_is_seen_wherever_it_stands(
    before: list[str], word: str, after: list[str], mark: str
) -> None:
    assert looks_like_production(mark.join([*before, word, *after])) is not None
    assert looks_like_production("".join([*before, word, *after])) is not None


@given(
    parts=st.lists(
        st.one_of(_PART, st.sampled_from(["product", "reproduce", "nonprod", "staging"]))
    ),
    mark=_MARK,
)
def test_words_that_hold_it_by_chance_are_left_alone(parts: list[str], mark: str) -> None:
    assert looks_like_production(mark.join(parts)) is None


@given(st.text(max_size=200))
def test_any_text_has_an_answer(name: str) -> None:
    looks_like_production(name)
