from collections.abc import Callable
from typing import Any

import pytest

from payments.errors import AuthError, UnauthorizedError

from .conftest import Pod, Surroundings

InPod = Callable[..., Any]


def test_the_subject_of_a_token_is_the_merchant_and_is_cached(
    in_pod: InPod, around: Surroundings, key: str
) -> None:
    async def test(pod: Pod) -> None:
        token = f"Bearer drill-{key}"
        assert await pod.parts.auth.merchant(token) == key
        around.behave("auth", error_ratio=1)
        assert await pod.parts.auth.merchant(token) == key, "from the cache"
        assert pod.count("payments_auth_requests_total", outcome="ok") == 1

    in_pod(test)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer stolen", "drill-shop"]
)
def test_other_tokens_are_not_accepted(in_pod: InPod, header: str | None) -> None:
    async def test(pod: Pod) -> None:
        with pytest.raises(UnauthorizedError):
            await pod.parts.auth.merchant(header)

    in_pod(test)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"hang": "before"}, "timeout"),
        ({"error_ratio": 1}, "bad_response"),
        ({"error_ratio": 1, "error_status": 401}, "bad_response"),
    ],
)
def test_an_auth_service_that_fails_is_not_the_callers_fault(
    in_pod: InPod, around: Surroundings, key: str, fault: dict[str, Any], kind: str
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("auth", **fault)
        with pytest.raises(AuthError) as told:
            await pod.parts.auth.merchant(f"Bearer drill-{key}")
        assert told.value.kind == kind
        assert pod.count("payments_auth_requests_total", outcome=kind) == 1

    in_pod(test, AUTH_TIMEOUT_S="0.1")


def test_an_auth_service_that_is_gone_is_told(in_pod: InPod, key: str) -> None:
    async def test(pod: Pod) -> None:
        with pytest.raises(AuthError) as told:
            await pod.parts.auth.merchant(f"Bearer drill-{key}")
        assert told.value.kind == "connect"

    in_pod(test, AUTH_URL="http://127.0.0.1:9")
