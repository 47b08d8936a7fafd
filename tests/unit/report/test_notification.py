"""Every report says who is told of alerts, or that nobody is."""

from dataclasses import replace

import pytest

from rundrill import events as e
from rundrill.report import html, junit

CONFIG = "runbooks/payment-service/alertmanager.yml"
URL = "http://127.0.0.1:9093"


@pytest.mark.parametrize(
    ("path", "page", "suite"),
    [
        (CONFIG, "no pager rang", CONFIG),
        (URL, "a real one: its own receivers were told, too", URL),
        (None, "none: nobody is notified", "none: nobody is notified"),
    ],
)
def test_the_page_and_the_suite_say_who_is_told(runs, path, page: str, suite: str) -> None:
    sample = runs.held()
    events = [
        replace(event, plan=replace(event.plan, alertmanager_path=path))
        if isinstance(event, e.DrillStarted)
        else event
        for event in sample.events
    ]
    assert page in html.render(events, sample.verdict)
    assert f'name="alertmanager" value="{suite}"' in junit.render(events, sample.verdict)


def test_a_message_that_did_not_arrive_stands_in_the_log(runs) -> None:
    page = html.render(runs.broken().events, runs.broken().verdict)
    assert "on-call could not be told of PaymentPodRestarting: HTTP 503" in page
