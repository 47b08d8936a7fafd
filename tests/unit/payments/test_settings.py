import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.settings import SettingsError, from_environment, listen_from_environment

GOOD = {
    "DATABASE_URL": "postgresql://postgres@db:5432/payments",
    "CACHE_URL": "redis://cache:6379/0",
    "STRIPE_URL": "http://stripe:8080",
    "PAYPAL_URL": "http://paypal:8080",
    "AUTH_URL": "http://auth:8080/",
}
NAMES = [
    *GOOD,
    *("SERVICE_VERSION", "BIND_ADDRESS", "PORT", "METRICS_PORT", "POOL_SIZE", "AUTH_CACHE_S"),
    *("GATEWAY_TIMEOUT_S", "BREAKER_FAILURES", "BREAKER_OPEN_S", "FALLBACK_PAYMENTS_ENABLED"),
    *("REQUIRED_SETTINGS", "DRAIN_S", "LOG_LEVEL", "DATABASE_TIMEOUT_S"),
]


def test_the_urls_are_enough_to_start() -> None:
    settings = from_environment(GOOD)
    assert settings.listen.address == "0.0.0.0"
    assert (settings.listen.port, settings.listen.metrics_port) == (8080, 9090)
    assert settings.auth_url == "http://auth:8080"
    assert settings.fallback_payments_enabled is False


def test_a_release_can_demand_a_setting() -> None:
    demanding = {**GOOD, "REQUIRED_SETTINGS": "SETTLEMENT_ACCOUNT", "SERVICE_VERSION": "1.1.0"}
    with pytest.raises(SettingsError, match=r"SETTLEMENT_ACCOUNT is required by release 1\.1\.0"):
        from_environment(demanding)
    assert from_environment({**demanding, "SETTLEMENT_ACCOUNT": "DE02"}).version == "1.1.0"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        from_environment({**GOOD, "POOL_SIZE": "many", "DATABASE_URL": "", "LOG_LEVEL": "loud"})
    for name in ("POOL_SIZE", "DATABASE_URL", "LOG_LEVEL"):
        assert name in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "2.5"),
        ("GATEWAY_TIMEOUT_S", "0"),
        ("GATEWAY_TIMEOUT_S", "nan"),
        ("GATEWAY_TIMEOUT_S", "inf"),
        ("PORT", "65536"),
        ("FALLBACK_PAYMENTS_ENABLED", "perhaps"),
        ("CACHE_URL", "http://cache"),
        ("STRIPE_URL", "http://stripe:port"),
        ("STRIPE_URL", "http://"),
        ("REQUIRED_SETTINGS", "no name"),
    ],
)
def test_a_wrong_value_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({**GOOD, name: value})


def test_a_message_never_repeats_a_password() -> None:
    with pytest.raises(SettingsError) as told:
        from_environment({**GOOD, "DATABASE_URL": "mysql://me:hunter2@db/payments"})
    assert "hunter2" not in str(told.value)


def test_credentials_are_not_in_the_repr() -> None:
    secret = {"DATABASE_PASSWORD": "hunter2", "STRIPE_API_KEY": "hunter3", "PAYPAL_API_KEY": "h4"}
    shown = repr(from_environment({**GOOD, **secret}))
    assert not any(value in shown for value in secret.values())


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)))
def test_any_environment_gives_settings_or_one_message(environment: dict[str, str]) -> None:
    try:
        from_environment({**GOOD, **environment})
    except SettingsError as exc:
        message = str(exc)
    else:
        return
    assert any(name in message for name in environment)


@given(st.integers(-10, 70_000))
def test_a_simulator_checks_its_port(port: int) -> None:
    if 0 <= port <= 65535:
        assert listen_from_environment({"PORT": str(port)}).port == port
    else:
        with pytest.raises(SettingsError, match="PORT"):
            listen_from_environment({"PORT": str(port)})
