"""What is said of answers: pure, so each is a table."""

from pathlib import Path
from typing import Any

import pytest

from rundrill.detection.rules import parse_rules
from rundrill.doctor import (
    access,
    clocks,
    detector,
    enforcement,
    images,
    machine,
    metrics,
    reach,
    versions,
)
from rundrill.doctor.check import Check, attempted
from rundrill.doctor.metrics import Page
from rundrill.doctor.probe import Ended, Probed
from rundrill.permissions import Access, Need, Needs, Unknown
from rundrill.plan.service_file import PodScrape
from rundrill.target.cluster import ClusterError

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "not known"


def test_what_is_not_ok_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="says what to do"):
        Check(group="g", name="n", state="warning", seen="s")


@pytest.mark.parametrize(
    "error", [ClusterError("GET /x: no answer"), ClusterError("no", 403), KeyError("items"),
              ValueError("not JSON"), TypeError("None")]
)  # fmt: skip
def test_a_check_that_cannot_run_is_not_known(error: Exception) -> None:
    def ask() -> list[Check]:
        raise error

    (one,) = attempted("g", "n", ask, fix="f")
    assert (one.state, one.fix) == (UNKNOWN, "f")
    if isinstance(error, ClusterError) and error.code == 403:
        assert one.seen.startswith("this account may not ask")


# ------------------------------------------------------------ versions


@pytest.mark.parametrize(
    ("client", "server", "state"),
    [
        ("v1.31.0", "v1.31.4", OK),
        ("v1.32.0", "v1.31.4+k3s1", OK),
        ("v1.37.1", "v1.20.2", WARNING),
        ("v1.29.0", "v1.31.0", WARNING),
        ("v2.0.0", "v1.31.0", WARNING),
        ("v1.31.0", "", UNKNOWN),
        ("", "v1.31.0", UNKNOWN),
    ],
)
def test_kubectl_is_held_against_the_server(client: str, server: str, state: str) -> None:
    assert versions.judge_kubectl(client, server, Path("kubectl")).state == state


@pytest.mark.parametrize(
    ("version", "state"), [("v1.20.2", OK), ("v1.19.16", FAILED), ("main", UNKNOWN), ("", UNKNOWN)]
)
def test_the_server_is_new_enough_or_not_known(version: str, state: str) -> None:
    assert versions.judge_server(version).state == state


@pytest.mark.parametrize(
    ("server", "kubelets", "state"),
    [
        ("v1.31.0", ["v1.31.2", "v1.28.0"], OK),
        ("v1.31.0", ["v1.32.0"], WARNING),
        ("v1.31.0", ["v1.27.9"], WARNING),
        ("v1.31.0", [], UNKNOWN),
        ("dev", ["v1.31.0"], UNKNOWN),
    ],
)
def test_a_kubelet_may_be_older_but_never_newer(
    server: str, kubelets: list[str], state: str
) -> None:
    nodes = [
        {"metadata": {"name": f"n{at}"}, "status": {"nodeInfo": {"kubeletVersion": version}}}
        for at, version in enumerate(kubelets)
    ]
    assert versions.judge_kubelets(server, nodes).state == state


@pytest.mark.parametrize(
    ("version", "wanted", "fitting"),
    [
        ("1.19.2", ">=1.19,<2", True),
        ("1.18", "<2,>=1.19", False),
        ("2.0", ">=1.19,<2", False),
        ("1.37.1", "==1.37.*", True),
        ("1.38.0", "==1.37.*", False),
        ("1.4.9", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("3.1", "", True),
        ("3.1", "=>3", False),
        ("3", "!=3.0", False),
    ],
)
def test_versions_satisfy_a_requirement(version: str, wanted: str, fitting: bool) -> None:
    assert versions.fits(version, wanted) is fitting


def test_only_what_a_drill_uses_is_required() -> None:
    requires = [
        "pyyaml<7,>=6",
        "locust<3,>=2.47; extra == 'local'",
        'pytest>=9; extra == "dev"',
        "uvicorn[standard] (>=0.54)",
    ]
    assert [name for name, _ in versions.wanted_of(requires)] == ["pyyaml", "locust", "uvicorn"]
    found = {"pyyaml": "6.0.2", "locust": None, "uvicorn": "0.50"}
    checks = list(versions.judge_dependencies(requires, found))
    assert [(one.name, one.state) for one in checks] == [
        ("locust", FAILED),
        ("uvicorn", FAILED),
        ("packages", OK),
    ]
    assert "is not installed" in checks[0].seen
    assert "0.50 is installed; rundrill needs >=0.54" in checks[1].seen


def test_pythons() -> None:
    told = [versions.judge_python((3, minor, 1)).state for minor in (10, 11, 13, 14)]
    assert told == [FAILED, OK, OK, FAILED]


# ------------------------------------------------------------ this machine


def test_a_disk_without_room_fails_before_a_drill_does() -> None:
    sizes = (10 * 1024**2, 500 * 1024**2, 20 * 1024**3)
    told = [machine.judge_disk(Path("runs"), size).state for size in sizes]
    assert told == [FAILED, WARNING, OK]


def test_a_program_that_is_missing_fails_only_when_it_is_asked_for() -> None:
    assert machine.judge_program("prometheus", None, set()).state == OK
    assert "not asked for" in machine.judge_program("amtool", None, set()).seen
    assert machine.judge_program("prometheus", None, {"prometheus"}).state == FAILED


# ------------------------------------------------------------ permissions


def test_each_permission_that_is_missing_is_a_line() -> None:
    needs = tuple(
        Need(access=Access(namespace="p", group="", resource="pods", verb=verb), who=("audit",))
        for verb in ("get", "list", "watch")
    )
    unknown = (Unknown(who="audit", command="kubectl magic", why="no such verb"),)
    checks = list(access.judge(Needs(needs=needs, unknown=unknown), needs[1:]))
    assert [one.state for one in checks] == [FAILED, FAILED, UNKNOWN]
    assert checks[0].seen == "may not list pods in p, for audit"
    assert [one.state for one in access.judge(Needs(needs=needs, unknown=()), [])] == [OK]


# ------------------------------------------------------------ metrics

PAGE = """\
# HELP a of a
# TYPE a counter
a{x="1"} 3
# TYPE b counter
# TYPE h histogram
c 4
"""


def test_a_page_tells_what_has_samples_and_what_is_only_declared() -> None:
    page = metrics.read_page("p", PAGE)
    assert page.names == {"a", "c"}
    assert page.declared == {"b", "h", "h_bucket", "h_sum", "h_count"}
    assert metrics.judge_page(page).state == OK


@pytest.mark.parametrize("text", ["<html>\n", "a 3", "# nothing\n", ""])
def test_a_page_that_is_none_fails(text: str) -> None:
    assert metrics.judge_page(metrics.read_page("p", text)).state == FAILED


def test_each_name_that_rules_need_is_looked_for() -> None:
    needed = {name: ["A"] for name in ("a", "b", "gone", "load_in_flight", "up")}
    told = {one.name: one.state for one in metrics.judge_names(needed, [_page()])}
    assert told == {
        "b": WARNING,
        "gone": FAILED,
        "load_in_flight": UNKNOWN,
        "names of the rules": OK,
    }


def test_where_a_source_is_silent_a_missing_name_is_not_known() -> None:
    pages = [_page(), Page(source="cAdvisor of n", failure="no answer")]
    (gone, _) = metrics.judge_names({"gone": ["A"], "a": ["A"]}, pages)
    assert gone.state == UNKNOWN
    assert "cAdvisor of n told nothing" in gone.seen
    assert [one.state for one in metrics.judge_names({"up": ["A"]}, [])] == [FAILED]


def test_the_names_are_those_of_alerts_through_recording_rules() -> None:
    rules = parse_rules(
        "groups:\n- name: g\n  rules:\n"
        "  - {record: 'r:x', expr: 'sum(rate(x_total[5m]))'}\n"
        "  - {alert: High, expr: 'r:x > 1 or absent(never)'}\n",
        "rules.yml",
    )
    assert metrics.needed_by(rules) == {"x_total": ["High"]}


def test_a_service_of_which_a_pod_tells_nothing_fails() -> None:
    scrape = PodScrape(job="web", namespace="p", selector="app=web", port=1)
    broken = Page(source="web-1", failure="502")
    assert metrics.judge_service(scrape, []).state == FAILED
    assert metrics.judge_service(scrape, [_page()]).state == OK
    assert "1 of 2 pods tell nothing: 502" in metrics.judge_service(scrape, [_page(), broken]).seen


def _page() -> Page:
    return metrics.read_page("p", PAGE)


# ------------------------------------------------------------ clocks


def test_readings_narrow_what_a_second_leaves_open() -> None:
    """The other clock is 10.4 s ahead; each answer takes 0.02 s and shows whole seconds."""
    readings = [
        (at, float(int(at + 0.01 + 10.4)), at + 0.02) for at in (100.0, 100.25, 100.5, 100.75)
    ]
    offset = clocks.offset_of(readings)
    assert offset.low_s <= 10.4 <= offset.high_s
    assert offset.high_s - offset.low_s < 0.35


@pytest.mark.parametrize("readings", [[], [(0.0, 0.0, 0.1), (1.0, 50.0, 1.1)]])
def test_readings_that_say_nothing_are_no_offset(
    readings: list[tuple[float, float, float]],
) -> None:
    with pytest.raises(ValueError, match="contradict"):
        clocks.offset_of(readings)


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (-0.5, 0.5, OK),
        (-8.0, 4.0, OK),
        (2.5, 3.5, WARNING),
        (-9.0, -3.0, WARNING),
        (61.0, 62.0, FAILED),
        (-3700.0, -3600.0, FAILED),
    ],
)
def test_only_a_skew_that_is_certain_is_told(low: float, high: float, state: str) -> None:
    offset = clocks.Offset(low, high)
    assert clocks.judge_server(offset).state == state
    assert clocks.judge_node("n", offset, "Lease").state == state


def test_a_node_of_which_little_is_known_is_not_ok() -> None:
    beat = clocks.written(1000.0, 900.0, clocks.HEARTBEAT_S)
    assert clocks.judge_node("n", beat, "heartbeat").state == UNKNOWN
    assert clocks.judge_node("n", None, "Lease").state == UNKNOWN
    lease = clocks.written(1000.0, 994.0, clocks.LEASE_S)
    assert str(lease) == "-1.0 s, \u00b1 5.0 s"
    assert clocks.judge_node("n", lease, "Lease").state == OK
    # A kubelet that died an hour ago looks like a clock that is an hour behind.
    dead = clocks.judge_node("n", clocks.written(5000.0, 1400.0, clocks.LEASE_S), "Lease")
    assert dead.state == FAILED
    assert "no longer writes" in dead.fix


# ------------------------------------------------------------ images


def pod(image: str, state: dict[str, Any], node: str = "n1") -> dict[str, Any]:
    status = {"containerStatuses": [{"name": "c", "state": state}]}
    return {
        "metadata": {"name": f"pod-of-{image}", "ownerReferences": [{"kind": "X", "name": "y"}]},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": image}]},
        "status": status,
    }


def test_what_is_known_of_images_and_what_is_not() -> None:
    pulling = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling it"}}
    known = images.known_of(
        [
            pod("shop/web:1", {"running": {}}),
            pod("shop/old:1", {"waiting": {"reason": "ContainerCreating"}}),
            pod("shop/bad:1", pulling),
        ],
        [
            {
                "metadata": {"name": "idle"},
                "spec": {"template": {"spec": {"containers": [{"image": "nginx"}]}}},
            }
        ],
        [
            {
                "metadata": {"name": "n1"},
                "status": {"images": [{"names": ["docker.io/library/nginx:latest"]}]},
            }
        ],
        {"shop/web:2": ["fault bad-release"]},
    )
    checks = {one.name: one for one in images.judge(known, 2)}
    assert {name: one.state for name, one in checks.items()} == {
        "shop/web:1": OK,
        "shop/old:1": UNKNOWN,
        "shop/bad:1": FAILED,
        "nginx": OK,
        "shop/web:2": UNKNOWN,
    }
    assert "ImagePullBackOff: Back-off pulling it" in checks["shop/bad:1"].seen
    assert checks["nginx"].seen == "on 1 of 2 nodes; for deployment/idle"
    assert "fault bad-release" in checks["shop/web:2"].seen


def test_a_namespace_without_anything_is_no_service() -> None:
    assert [one.state for one in images.judge({}, 1)] == [FAILED]


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("shop/web:1", "docker.io/shop/web:1"),
        ("ghcr.io/shop/web", "ghcr.io/shop/web:latest"),
        ("localhost:5000/web:2", "localhost:5000/web:2"),
        ("shop/web@sha256:00", "docker.io/shop/web@sha256:00"),
    ],
)
def test_names_as_nodes_list_them(name: str, canonical: str) -> None:
    assert images.canonical(name) == canonical


# ------------------------------------------------------------ enforced


def ended(code: int | None, reason: str = "") -> Ended:
    return Ended(exit_code=code, reason=reason)


@pytest.mark.parametrize(
    ("memory", "state", "words"),
    [
        (ended(137, "OOMKilled"), OK, "enforced by poller"),
        (ended(137, "Error"), WARNING, "not as OOMKilled"),
        (ended(0, "Completed"), FAILED, "was not killed"),
        (ended(127, "StartError"), UNKNOWN, "exit 127 (StartError)"),
        (ended(None, "ImagePullBackOff: no"), UNKNOWN, "ImagePullBackOff"),
        (ended(None), UNKNOWN, "it did not end"),
    ],
)
def test_a_memory_limit_is_enforced_when_the_pod_was_seen_to_die(
    memory: Ended, state: str, words: str
) -> None:
    events = ["Memory limit reached (enforced by poller)"]
    check = enforcement.judge_memory(memory, events, "python:3")
    assert check.state == state
    assert words in check.seen


@pytest.mark.parametrize(
    ("before", "denied", "after", "state"),
    [
        (0, 10, 0, OK),
        (0, 0, 0, FAILED),
        (0, 10, 11, UNKNOWN),  # the server itself died
        (11, None, None, UNKNOWN),
        (0, 127, 0, UNKNOWN),
        (0, None, 0, UNKNOWN),
    ],
)
def test_a_cut_is_one_only_beside_a_connection_that_is_not(
    before: int, denied: int | None, after: int | None, state: str
) -> None:
    check = enforcement.judge_network("n", ended(before), ended(denied), ended(after))
    assert check.state == state


def test_a_namespace_that_stays_is_told() -> None:
    probed = Probed(
        image="python:3", memory=ended(0), before=ended(0), denied={}, after=ended(0), events=[],
        images={"a:1": "", "b:1": "ErrImagePull: no such image"}, took_s=9.0, left="it stays",
    )  # fmt: skip
    told = {(one.group, one.name): one.state for one in enforcement.judge(probed)}
    assert told["images", "a:1"] == OK
    assert told["images", "b:1"] == FAILED
    assert told["enforced here", "probe namespace"] == WARNING


# ------------------------------------------------------------ the rest


def test_the_address_of_the_load() -> None:
    assert "answers within 1.5 ms" in reach.judge("http://x:1", 0.0015, "").seen
    assert reach.judge("http://x:1", None, "timed out").state == FAILED


def test_a_prometheus_that_tells_nobody_and_one_whose_clock_is_off() -> None:
    assert detector.judge_alertmanagers([]).state == WARNING
    assert detector.judge_alertmanagers(["http://am"]).state == OK
    assert [detector.judge_clock(at).state for at in (0.1, -5.0, 90.0)] == [OK, WARNING, FAILED]
