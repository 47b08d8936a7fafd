import pytest

from load.settings import PREFIX, SettingsError, from_environment


def test_without_any_variable_it_is_the_baseline_of_the_runbook():
    settings = from_environment({})
    assert settings.rate_per_min == 1000
    assert settings.max_in_flight == 500
    assert settings.timeout_s == 10
    assert settings.retries == 0
    assert settings.token == "drill-customer"
    assert settings.record is None
    assert settings.metrics is None
    assert settings.mix == pytest.approx({"card": 0.45, "wallet": 0.25, "read": 0.30})


def test_shares_are_scaled_to_their_sum():
    assert from_environment({PREFIX + "MIX": "card=3, read=1"}).mix == {"card": 0.75, "read": 0.25}


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:9100", ("::1", 9100))]
)
def test_the_address_of_the_metrics_is_host_and_port(text, address):
    assert from_environment({PREFIX + "METRICS": text}).metrics == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE", "fast"),
        ("RATE", "0"),
        ("RATE", "-1"),
        ("RATE", "nan"),
        ("RATE", "inf"),
        ("RAMP_S", "-1"),
        ("MAX_IN_FLIGHT", "0"),
        ("MAX_IN_FLIGHT", "1.5"),
        ("TIMEOUT_S", "0"),
        ("RETRIES", "-1"),
        ("CONNECTIONS", "0"),
        ("SEED", "x"),
        ("MIX", "card"),
        ("MIX", "card=a"),
        ("MIX", "card=-1,read=2"),
        ("MIX", "card=nan"),
        ("MIX", "cheque=1"),
        ("MIX", "card=1,card=1"),
        ("MIX", "card=0"),
        ("METRICS", "9100"),
        ("METRICS", "127.0.0.1:http"),
        ("METRICS", "127.0.0.1:70000"),
    ],
)
def test_a_bad_variable_is_named_with_its_value_and_a_fix(name, value):
    with pytest.raises(SettingsError) as caught:
        from_environment({PREFIX + name: value})
    place, fix = str(caught.value).split("\n")
    assert place.startswith(f"{PREFIX}{name}={value}: ")
    assert fix.startswith("  fix: ")
