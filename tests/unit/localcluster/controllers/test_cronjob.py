"""CronJobs: when a Job is made, and what becomes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.cronjob import SCHEDULED, CronJobController
from localcluster.controllers.ownership import reference_to

NOON = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


class CronJobs:
    """One CronJob called `tick`; the wall time goes with the fake clock."""

    def __init__(self, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = cluster
        self.registry = cluster.registry
        monkeypatch.setattr(self.registry, "_now", self.now)
        CronJobController(cluster.registry, cluster.recorder, cluster.time, self.now).start()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.cluster.time.time())

    def create(self, schedule: str = "* * * * *", **spec: Any) -> None:
        pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "v1"}]}
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": pod}}}
        self.registry.create(
            kinds.CRON_JOBS,
            {
                "metadata": {"name": "tick", "namespace": "shop"},
                "spec": {"schedule": schedule, "jobTemplate": template, **spec},
            },
        )
        self.cluster.time.advance()

    def names(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.registry.list(kinds.JOBS, "shop")]

    @property
    def status(self) -> Any:
        return self.registry.get(kinds.CRON_JOBS, "shop", "tick").get("status") or {}

    def end(self, name: str, kind: str = "Complete") -> None:
        now = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

        def change(job: Any) -> None:
            condition = {"type": kind, "status": "True", "lastTransitionTime": now, "reason": "R"}
            job["status"] = {"startTime": now, "conditions": [condition]}
            if kind == "Complete":
                job["status"]["completionTime"] = now

        self.registry.modify(kinds.JOBS, "shop", name, change, status=True)
        self.cluster.time.advance()


@pytest.fixture
def crons(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> CronJobs:
    return CronJobs(cluster, monkeypatch)


def _name(moment: datetime) -> str:
    return f"tick-{int(moment.timestamp()) // 60}"


def test_a_job_is_made_at_the_minute_and_named_by_it(crons: CronJobs) -> None:
    crons.create()
    crons.cluster.time.advance(29)
    assert crons.names() == []
    crons.cluster.time.advance(2)
    due = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    assert crons.names() == [_name(due)]
    (job,) = crons.registry.list(kinds.JOBS, "shop")
    meta = job["metadata"]
    assert meta["annotations"][SCHEDULED] == "2026-03-02T12:01:00Z"
    assert meta["labels"] == {"a": "b"}
    assert meta["ownerReferences"][0]["kind"] == "CronJob"
    assert crons.status["lastScheduleTime"] == "2026-03-02T12:01:00Z"
    assert [each["uid"] for each in crons.status["active"]] == [meta["uid"]]
    assert crons.cluster.events("SuccessfulCreate") == [f"Created job {_name(due)}"]
    crons.cluster.time.advance(120)
    assert len(crons.names()) == 3


def test_a_time_zone_moves_the_schedule(crons: CronJobs) -> None:
    crons.create("30 13 * * *", timeZone="Europe/Paris")
    crons.cluster.time.advance(1800)
    (job,) = crons.registry.list(kinds.JOBS, "shop")
    assert job["metadata"]["annotations"][SCHEDULED] == "2026-03-02T13:30:00+01:00"
    assert crons.status["lastScheduleTime"] == "2026-03-02T12:30:00Z"


def test_a_finished_job_leaves_the_list_and_only_the_latest_are_kept(crons: CronJobs) -> None:
    crons.create(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    crons.cluster.time.advance(31)
    (first,) = crons.names()
    crons.end(first)
    assert "active" not in crons.status
    assert crons.status["lastSuccessfulTime"] == "2026-03-02T12:01:01Z"
    assert crons.cluster.events("SawCompletedJob") == [
        f"Saw completed job: {first}, condition: Complete"
    ]
    crons.cluster.time.advance(60)
    second = next(name for name in crons.names() if name != first)
    crons.end(second)
    assert crons.names() == [second]
    assert crons.cluster.events("SuccessfulDelete") == [f"Deleted job {first}"]
    crons.cluster.time.advance(60)
    third = next(name for name in crons.names() if name != second)
    crons.end(third, "Failed")
    assert crons.names() == [second]


def test_forbid_waits_for_the_job_before(crons: CronJobs) -> None:
    crons.create(concurrencyPolicy="Forbid")
    crons.cluster.time.advance(91)
    assert len(crons.names()) == 1
    assert crons.cluster.events("JobAlreadyActive")
    crons.end(crons.names()[0])
    crons.cluster.time.advance()
    # The time that was missed is made up for at once.
    assert len(crons.names()) == 2


def test_replace_ends_the_job_before(crons: CronJobs) -> None:
    crons.create(concurrencyPolicy="Replace")
    crons.cluster.time.advance(31)
    (first,) = crons.names()
    crons.cluster.time.advance(60)
    (second,) = crons.names()
    assert first != second
    assert [each["name"] for each in crons.status["active"]] == [second]


def test_a_suspended_cron_job_makes_up_for_the_last_time_it_missed(crons: CronJobs) -> None:
    crons.create(suspend=True)
    crons.cluster.time.advance(300)
    assert crons.names() == []
    crons.registry.modify(
        kinds.CRON_JOBS, "shop", "tick", lambda obj: obj["spec"].update(suspend=False)
    )
    crons.cluster.time.advance()
    assert crons.names() == [_name(datetime(2026, 3, 2, 12, 5, tzinfo=UTC))]


def test_a_time_that_is_too_long_ago_is_left_out(crons: CronJobs) -> None:
    crons.create("0 * * * *", suspend=True, startingDeadlineSeconds=60)
    crons.cluster.time.advance(3600)
    crons.registry.modify(
        kinds.CRON_JOBS, "shop", "tick", lambda obj: obj["spec"].update(suspend=False)
    )
    crons.cluster.time.advance()
    assert crons.names() == [_name(datetime(2026, 3, 2, 13, 0, tzinfo=UTC))]
    crons.registry.modify(
        kinds.CRON_JOBS, "shop", "tick", lambda obj: obj["spec"].update(suspend=True)
    )
    crons.cluster.time.advance(3600 + 600)
    crons.registry.modify(
        kinds.CRON_JOBS, "shop", "tick", lambda obj: obj["spec"].update(suspend=False)
    )
    crons.cluster.time.advance()
    assert len(crons.names()) == 1


def test_many_missed_times_are_told_and_the_last_one_is_made_up_for(crons: CronJobs) -> None:
    crons.create(suspend=True)
    crons.cluster.time.advance(3 * 3600)
    crons.registry.modify(
        kinds.CRON_JOBS, "shop", "tick", lambda obj: obj["spec"].update(suspend=False)
    )
    crons.cluster.time.advance()
    assert crons.cluster.events("TooManyMissedTimes")
    assert crons.names() == [_name(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))]


def test_a_job_that_is_gone_and_one_of_somebody_else_are_told(crons: CronJobs) -> None:
    crons.create()
    crons.cluster.time.advance(31)
    (name,) = crons.names()
    crons.registry.delete(kinds.JOBS, "shop", name)
    crons.cluster.time.advance()
    assert crons.cluster.events("MissingJob") == [f"Active job went missing: {name}"]
    cron = crons.registry.get(kinds.CRON_JOBS, "shop", "tick")
    crons.registry.create(
        kinds.JOBS,
        {
            "metadata": {
                "name": "manual",
                "namespace": "shop",
                "ownerReferences": [reference_to(cron)],
            },
            "spec": cron["spec"]["jobTemplate"]["spec"],
        },
    )
    crons.cluster.time.advance()
    assert crons.cluster.events("UnexpectedJob") == [
        "Saw a job that the controller did not create or forgot: manual"
    ]


def test_every_counts_from_its_last_time(crons: CronJobs) -> None:
    crons.create("@every 90s")
    crons.cluster.time.advance(91)
    assert len(crons.names()) == 1
    crons.cluster.time.advance(90)
    assert len(crons.names()) == 2


def test_its_jobs_go_with_it(crons: CronJobs) -> None:
    crons.create()
    crons.cluster.time.advance(31)
    crons.registry.delete(kinds.CRON_JOBS, "shop", "tick")
    crons.cluster.time.advance(100)
    assert crons.names() == []
