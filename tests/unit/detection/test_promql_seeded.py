"""Each seeded bug is noticed by the stored answers of Prometheus, also where promtool is absent."""

import pytest

from tests.unit.detection.alert_cases import alert_differences, stored_alert_answers
from tests.unit.detection.promtool import differences, stored_answers
from tests.unit.detection.seeded import ALERT_BUGS, EXPRESSION_BUGS


def _noticed_in_expressions() -> int:
    return sum(len(differences(scenario, answers)) for scenario, answers in stored_answers())


def _noticed_in_alerts() -> int:
    return sum(len(alert_differences(case, firing)) for case, firing in stored_alert_answers())


@pytest.mark.parametrize("bug", EXPRESSION_BUGS)
def test_a_bug_in_the_evaluator_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    EXPRESSION_BUGS[bug](monkeypatch)
    assert _noticed_in_expressions() > 0


@pytest.mark.parametrize("bug", ALERT_BUGS)
def test_a_bug_in_the_alert_states_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ALERT_BUGS[bug](monkeypatch)
    assert _noticed_in_alerts() > 0


def test_without_a_bug_nothing_is_noticed_and_there_are_more_than_ten() -> None:
    assert _noticed_in_expressions() == 0
    assert _noticed_in_alerts() == 0
    assert len({*EXPRESSION_BUGS, *ALERT_BUGS}) >= 10
