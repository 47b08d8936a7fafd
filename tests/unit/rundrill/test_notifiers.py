"""`--notifier`: what is refused before anything is started, and a real chain of both programs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.cli import BAD_INPUT, main
from rundrill.detection.notify import Alertmanager
from rundrill.detectors import DEFAULT, DetectorChoice
from rundrill.errors import DetectionError, RoutingError
from rundrill.notifiers import RECEIVER_PORT, find_notifier
from tests.unit.detection.fakes import FakeClock
from tests.unit.detection.notify.alertmanager_api import (
    CONFIG,
    FakeAlertmanager,
    free_port,
    serving,
)
from tests.unit.detection.prometheus_api import FakePrometheus
from tests.unit.detection.prometheus_api import serving as serving_prometheus

TOP = Path(__file__).parents[3]
CRASH_LOOP = str(TOP / "experiments/crash-loop.yaml")
PROMETHEUS = DetectorChoice("prometheus")


def find(
    text: str,
    detector: DetectorChoice = PROMETHEUS,
    port: int | None = None,
    say: Callable[[str], None] = str,
) -> Alertmanager | None:
    return find_notifier(text, port, detector, {"Down"}, clock=MonotonicClock(), say=say)


def test_the_embedded_one_needs_nothing() -> None:
    assert find("embedded", DEFAULT) is None


@pytest.mark.parametrize("text", ["", "nonsense", "alertmanager", "embedded:http://x"])
def test_another_word_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(RoutingError, match="there is no notifier") as refused:
        find(text)
    assert "embedded or alertmanager:URL" in str(refused.value)


@pytest.mark.parametrize("kind", ["embedded", "both"])
def test_an_alertmanager_needs_a_prometheus_that_decides(kind: str) -> None:
    with pytest.raises(RoutingError, match=f"and the detector is {kind}") as refused:
        find("alertmanager:http://127.0.0.1:1", DetectorChoice(kind))
    assert "add --detector prometheus" in str(refused.value)


def test_whom_it_tells_is_said_before_anything_is_started() -> None:
    said: list[str] = []
    port = free_port()
    for url in (f"http://127.0.0.1:{port}/", "<secret>"):
        with serving(FakeAlertmanager(CONFIG.replace("OURS", url))) as at:
            assert find(f"alertmanager:{at}", port=port, say=said.append) is not None
    assert f"tells us by on-call at 127.0.0.1:{port};" in said[0]
    assert "its other receivers are told, too" in said[0]
    assert "(its urls are hidden, so that was not seen)" in said[1]


def test_a_prometheus_that_runs_must_send_to_an_alertmanager() -> None:
    port = free_port()
    fake = FakeAlertmanager(CONFIG.replace("OURS", f"http://127.0.0.1:{port}/"))
    prometheus = FakePrometheus(FakeClock())
    with serving(fake) as url, serving_prometheus(prometheus) as running:
        detector = DetectorChoice("prometheus", url=running)
        with pytest.raises(DetectionError, match="it sends to no Alertmanager"):
            find(f"alertmanager:{url}", detector, port)
        prometheus.alertmanagers = [f"{url}/api/v2/alerts"]
        assert find(f"alertmanager:{url}", detector, port) is not None
    with pytest.raises(DetectionError, match="does not answer"):
        find(f"alertmanager:{url}", detector, port)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--notifier", "pager"], "there is no notifier 'pager'"),
        (["--notifier", "alertmanager:http://127.0.0.1:1"], "and the detector is embedded"),
        (["--receiver-port", "9099"], "--receiver-port 9099 says where an Alertmanager posts to"),
        (
            ["--detector", "prometheus:http://127.0.0.1:1", "--notifier", "alertmanager:9093"],
            "http://127.0.0.1:1 does not answer",
        ),
    ],
)
def test_the_command_ends_before_anything_is_started(
    options: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(TOP)
    monkeypatch.setenv("RUNDRILL_HOME", str(tmp_path / "home"))
    runs = tmp_path / "runs"
    assert main(["run", *options, "--runs", str(runs), CRASH_LOOP]) == BAD_INPUT
    error = capsys.readouterr().err
    assert told in error
    assert "fix: " in error
    assert not (tmp_path / "home").exists()
    assert list(runs.iterdir()) == []


def test_without_a_port_it_is_the_one_that_the_documents_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert f"http://127.0.0.1:{RECEIVER_PORT}/" in (TOP / "docs/notification.md").read_text()
    port = free_port()  # that one may be in use here
    monkeypatch.setattr("rundrill.notifiers.RECEIVER_PORT", port)
    with serving(FakeAlertmanager(CONFIG.replace("OURS", f"http://127.0.0.1:{port}/"))) as at:
        found = find(f"alertmanager:{at}")
    assert found is not None
    assert found.port == port


def test_a_port_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("0", "70000", "many", "9099.5", ""):
        with pytest.raises(SystemExit):
            main(["run", "--receiver-port", text, CRASH_LOOP])
        assert "must be a port from 1 to 65535" in capsys.readouterr().err
