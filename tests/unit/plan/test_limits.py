"""`limits:` of service.yaml: what it means, and each nonsense with its place."""

from pathlib import Path

import pytest

from rundrill.base import document
from rundrill.errors import ExperimentError
from rundrill.plan import read_service
from rundrill.plan.limits import ErrorBudget, Limits, read_limits

TOP = Path(__file__).parents[3]


def read(text: str) -> Limits:
    root = document.parse(text, Path("service.yaml"), ExperimentError)
    return read_limits(root.find("limits"))


def test_without_limits_no_harm_ends_a_drill() -> None:
    assert read("name: x") == Limits(error_budget=None, duration_s=None, silence_s=60.0)


def test_the_shipped_service_has_the_defaults() -> None:
    """Its drills fail customers on purpose: a crash loop, a gateway that hangs."""
    service = read_service(TOP / "runbooks/payment-service/service.yaml")
    assert service.limits == Limits()


def test_all_of_them() -> None:
    text = (
        "limits: {error-budget: {failed: 2000, share: 2.5%, over: 2m}, duration: 1h, silence: 30s}"
    )
    assert read(text) == Limits(
        error_budget=ErrorBudget(failed=2000, share=0.025, over_s=120.0),
        duration_s=3600.0,
        silence_s=30.0,
    )


def test_a_share_is_of_a_minute_unless_it_says_otherwise() -> None:
    found = read("limits: {error-budget: {share: 30%}}").error_budget
    assert found == ErrorBudget(failed=None, share=0.3, over_s=60.0)


@pytest.mark.parametrize(
    ("limits", "place", "told"),
    [
        ("{error-budget: 5}", "1:24", "expected a mapping"),
        ("{error-budget: {}}", "1:24", "the error budget has no limit"),
        ("{error-budget: {failed: 0}}", "1:33", "expected a number of requests, found '0'"),
        ("{error-budget: {failed: 1.5}}", "1:33", "expected a number of requests, found '1.5'"),
        ("{error-budget: {failed: many}}", "1:33", "expected a number, found 'many'"),
        ("{error-budget: {share: 0.3}}", "1:32", "expected a share of the requests, found '0.3'"),
        ("{error-budget: {share: 100%}}", "1:32", "expected a share of the requests"),
        ("{error-budget: {share: nan%}}", "1:32", "expected a share of the requests"),
        ("{error-budget: {share: x%}}", "1:32", "expected a share of the requests"),
        ("{error-budget: {failed: 5, over: 10s}}", "1:42", "`over` belongs to a `share`"),
        ("{error-budget: {share: 5%, over: 0s}}", "1:42", "0s is no time"),
        ("{error-budget: {fialed: 5}}", "1:33", "unknown key `fialed`"),
        ("{duration: soon}", "1:20", "expected a duration, found 'soon'"),
        ("{duration: 0s}", "1:20", "0s is no time"),
        ("{silence: 2s}", "1:19", "2s of silence are not told from a busy machine"),
        ("{sielnce: 2s}", "1:19", "unknown key `sielnce`"),
        ("[]", "1:9", "expected a mapping"),
    ],
)
def test_nonsense_is_told_with_its_place(limits: str, place: str, told: str) -> None:
    with pytest.raises(ExperimentError) as error:
        read(f"limits: {limits}")
    assert str(error.value).startswith(f"service.yaml:{place}: {told}")
