"""Runbooks of other teams: the same claims in differently shaped documents."""

from textwrap import dedent

import pytest

from rundrill.claims import Runbook
from rundrill.runbook import parse


def read(text: str) -> Runbook:
    return parse(dedent(text), "runbook.md")


def commands(runbook: Runbook) -> dict[str, list[list[str]]]:
    return {
        procedure.id: [[command.text for command in step.commands] for step in procedure.steps]
        for procedure in runbook.procedures
    }


def test_emoji_bold_headings_and_labels_as_in_a_wiki_export() -> None:
    runbook = read(
        """\
        # Checkout Incident Response Runbook

        ## 🚨 Severity Classification

        ### **P0 - Critical** (Complete service outage)
        - Nothing works
        - **Response Time**: 15 minutes
        - **Escalation**: Immediate to VP Engineering

        ### **P2 - Medium** (Minor issues)
        - Slow response times (>3s)
        - Performance degradation <20%
        - **Response Time**: 2 hours

        ## 🔍 Initial Assessment Checklist

        ### 1. **Immediate Health Check**
        ```bash
        # Check pod status
        kubectl get pods -n shop

        # Check logs
        kubectl logs -n shop -l app=checkout
        ```

        ### 2. **Quick Metrics Review**
        - **Error Rate**: Should be <1%
        - **Response Time**: Should be <500ms
        - **Throughput**: Normal baseline ~1000 req/min

        ### 3. **External Dependencies**
        - [ ] Database connectivity (PostgreSQL)

        ## 🛠️ Common Issues & Solutions

        ### **Pod CrashLoopBackOff**
        **Symptoms**: Pod continuously restarting
        **Quick Fix**:
        1. Check releases: `kubectl rollout history deployment/checkout -n shop`
        2. Check limits: `kubectl describe pod <pod-name> -n shop`

        ## 📞 Communication Protocol

        ### **Incident Declaration**
        1. **Slack**: Post in `#incidents` channel
           ```
           🚨 INCIDENT DECLARED
           ```
        2. **Status Page**: Update within 5 minutes

        ## 📊 Monitoring & Alerting

        ### **Key Dashboards**
        - **Grafana**: Checkout

        ### **Critical Alerts**
        - Payment success rate <95%
        - Pod restart count >3 in 10 minutes
        - Database connection failures

        ## 📝 Post-Incident Actions

        ### **Immediate (Within 2 hours)**
        - [ ] Service fully restored
        """
    )
    assert runbook.title == "Checkout Incident Response Runbook"
    assert [(s.id, s.name, s.response_time_s) for s in runbook.severities] == [
        ("P0", "Critical", 900.0),
        ("P2", "Medium", 7200.0),
    ]
    assert runbook.severities[0].conditions == ("Nothing works",)
    assert commands(runbook) == {
        "immediate-health-check": [
            ["kubectl get pods -n shop"],
            ["kubectl logs -n shop -l app=checkout"],
        ],
        "pod-crashloopbackoff": [
            ["kubectl rollout history deployment/checkout -n shop"],
            ["kubectl describe pod <pod-name> -n shop"],
        ],
    }
    assert runbook.procedures[1].section == "Common Issues & Solutions"
    assert runbook.procedures[1].steps[1].commands[0].placeholders == ("<pod-name>",)
    assert [one.metric for one in runbook.steady_state] == [
        "error rate",
        "response time",
        "throughput",
    ]
    assert [one.id for one in runbook.alerts] == [
        "success-rate",
        "restart-count",
        "database-connection-failure",
    ]


def test_severities_in_a_table() -> None:
    runbook = read(
        """\
        # Search

        ## Incident levels

        | Severity | Name | Definition | Response time | Escalation |
        |---|---|---|---|---|
        | SEV1 | Critical | error rate > 10% | 5 min | VP |
        | SEV-2 | Major | p95 above 2 s | within 1 hour | EM |
        | SEV3 | Minor | cosmetic | next business day | nobody |
        | | | not a level | | |

        ## Restart
        1. Restart it: `kubectl rollout restart deployment/search -n search`
        """
    )
    assert [(s.id, s.name, s.response_time_s, s.response_line) for s in runbook.severities] == [
        ("SEV1", "Critical", 300.0, 7),
        ("SEV2", "Major", 3600.0, 8),
        ("SEV3", "Minor", None, 9),
    ]
    assert runbook.severities[0].conditions == ("error rate > 10%",)
    assert runbook.severities[1].thresholds[0].metric == "response time"
    assert runbook.severities[1].thresholds[0].value == 2.0


def test_severities_in_a_list_with_words_for_numbers() -> None:
    runbook = read(
        """\
        # Mail

        ## Severity
        - **SEV1 (Critical)**: Nobody gets mail. Respond within 15 minutes.
        - **Severity 2: Major** some do not
          - queue at least 10k messages
          - Acknowledge within 30 min
          - Notify the owner
        - Critical: everything else
        - A word about levels

        ## Fix
        - Flush it: `postqueue -f`
        - Restart: `systemctl restart postfix`
        """
    )
    assert [(s.id, s.name, s.response_time_s) for s in runbook.severities] == [
        ("SEV1", "Critical", 900.0),
        ("SEV2", "Major some do not", 1800.0),
        ("critical", "Critical", None),
    ]
    assert runbook.severities[0].conditions == ("Nobody gets mail",)
    assert runbook.severities[1].thresholds[0].value == 10000.0
    assert commands(runbook) == {"mail": [["postqueue -f"], ["systemctl restart postfix"]]}


def test_a_level_described_in_two_places_is_one() -> None:
    runbook = read(
        """\
        # Shop
        ## Severity levels
        ### P1
        - errors
        ### P1 response
        - Response time: 10 minutes
        - Response time: 20 minutes
        ## P9 - elsewhere
        - Response time: 1 day
        ## P8 without a promise
        ## Fix it
        1. Restart the shop
        """
    )
    assert [(s.id, s.response_time_s, s.response_line) for s in runbook.severities] == [
        ("P1", 600.0, 6),
        ("P9", 86400.0, 9),
    ]
    assert runbook.severities[0].conditions == ("errors",)


def test_one_topic_with_diagnosis_and_resolution_as_headings() -> None:
    runbook = read(
        """\
        ---
        title: High CPU
        owner: platform
        ---
        # High CPU on the API nodes

        ## Symptoms
        - CPU usage > 90% for 5 minutes

        ## Diagnosis
        ```console
        $ kubectl top pods -n api
        NAME   CPU   MEMORY
        api-1  900m  100Mi
        $ kubectl logs api-1 -n api | grep GC
        ```

        ## Resolution
        ### Step 1: Scale out
        ```sh
        kubectl scale deployment/api \\
          --replicas=6 \\
          -n api   # two more than usual
        ```
        ### Step 2: Wait
        1. Wait 5 minutes

        ## Escalation
        1. Call the platform team
        """
    )
    assert [procedure.id for procedure in runbook.procedures] == ["high-cpu-on-the-api-nodes"]
    procedure = runbook.procedures[0]
    assert procedure.line == 5
    assert [(step.number, step.text, step.duration_s) for step in procedure.steps] == [
        (1, "Diagnosis", None),
        (2, "Step 1: Scale out", None),
        (3, "Step 2: Wait", 300.0),
    ]
    assert [(c.line, c.text) for step in procedure.steps for c in step.commands] == [
        (12, "kubectl top pods -n api"),
        (15, "kubectl logs api-1 -n api | grep GC"),
        (21, "kubectl scale deployment/api --replicas=6 -n api"),
    ]


def test_blocks_that_the_writer_did_not_indent() -> None:
    runbook = read(
        """\
        # Queue

        ## Drain the queue
        1. Stop the consumers:
        ```
        kubectl scale deploy/consumer --replicas=0 -n queue
        ```
        2. See what is left
        ```yaml
        replicas: 0
        ```
        Symptoms:
        - nothing moves
        - call `kubectl get pods` for it

        Then run `kubectl get deploy -n queue` and
        look.
        """
    )
    assert commands(runbook) == {
        "drain-the-queue": [
            ["kubectl scale deploy/consumer --replicas=0 -n queue"],
            [],
            ["kubectl get deploy -n queue"],
        ]
    }
    assert runbook.procedures[0].steps[2].text == "Then run and look"[:8] + " and"


def test_numbered_sentences_alone_make_a_procedure_when_they_tell_what_to_do() -> None:
    runbook = read(
        """\
        # Notes

        ## The night shift
        1. Open the valve
        2. Check the pressure
        3. Coffee

        ## History
        1. Nineteen forty
        2. Nineteen fifty

        ## Ideas
        - Check this out

        ## Table of contents
        1. See above
        """
    )
    assert commands(runbook) == {"the-night-shift": [[], [], []]}


def test_a_table_of_metrics_and_a_table_of_commands() -> None:
    runbook = read(
        """\
        # API

        ## Metrics
        | Metric | Normal | Alert |
        |---|---|---|
        | Error rate | < 1% | > 5% |
        | p99 latency | less than 250 ms | 1 s or more |
        | Restarts | at most 2 | 3+ |
        | Heap | under 2GB | |

        ## Alerts
        | Alert | Condition | For | Action |
        |---|---|---|---|
        | HighErrorRate | error rate above 5% | 5m | page |
        | QueueStuck | nothing consumed | | mail |

        ## Quick fixes
        | What | Command |
        |---|---|
        | Bounce | `kubectl rollout restart deploy/api -n api` |
        | `kubectl get pods -n api` | |
        | Sing | loudly |
        """
    )
    read_steady = [(t.line, t.metric, t.comparator, t.value) for t in runbook.steady_state]
    assert read_steady == [
        (6, "error rate", "<", 0.01),
        (7, "response time", "<", 0.25),
        (8, "restart count", "<=", 2.0),
        (9, "heap", "<", 2e9),
    ]
    assert [(a.id, a.line, a.threshold and a.threshold.window_s) for a in runbook.alerts] == [
        ("high-error-rate", 14, 300.0),
        ("queue-stuck", 15, None),
    ]
    assert commands(runbook) == {
        "quick-fixes": [
            ["kubectl rollout restart deploy/api -n api"],
            ["kubectl get pods -n api"],
        ]
    }
    assert [step.text for step in runbook.procedures[0].steps] == [
        "Bounce",
        "kubectl get pods -n api",
    ]


def test_a_table_without_a_column_of_normal_values_gives_all_but_alert_columns() -> None:
    runbook = read(
        """\
        # API
        ## Golden signals
        | Signal | Web | Batch | Warning |
        |---|---|---|---|
        | Latency | <1s | <1m | >2s |
        ## Fix
        1. Restart it
        """
    )
    assert [one.value for one in runbook.steady_state] == [1.0, 60.0]


def test_steady_state_in_prose_of_a_section_without_a_name_for_it() -> None:
    runbook = read(
        """\
        # API

        The error rate should stay below 1% and p95 below 300ms.
        Once it was 30%, which is over 20%.

        **Memory**: normally < 80%
        **CPU**: normally < 70%

        ## Failing over
        1. Fail over
        """
    )
    assert [(t.line, t.metric, t.value) for t in runbook.steady_state] == [
        (3, "error rate", 0.01),
        (3, "response time", 0.3),
        (6, "memory usage", 0.8),
        (7, "cpu usage", 0.7),
    ]


def test_headings_with_the_same_title_have_ids_of_their_own() -> None:
    runbook = read(
        """\
        # A
        ## Web
        ### Restart
        1. `kubectl rollout restart deploy/web -n a`
        ## Batch
        ### Restart
        1. `kubectl rollout restart deploy/batch -n a`
        ## 🎉
        1. `kubectl get pods -n a`
        """
    )
    assert [(p.id, p.section) for p in runbook.procedures] == [
        ("web/restart", "Web"),
        ("batch/restart", "Batch"),
        ("procedure", "A"),
    ]


def test_nested_steps_and_quotations() -> None:
    runbook = read(
        """\
        # A
        ## Failover
        1. Move the traffic
           1. Stop: `kubectl scale deploy/a --replicas=0 -n a`
           2. Start: `kubectl scale deploy/b --replicas=2 -n a`

              > and look: `kubectl get pods -n a`
        2. ```sh
           # Is it well?
           kubectl get svc -n a
           ```
        3. ---
        """
    )
    steps = runbook.procedures[0].steps
    assert [(step.text, len(step.commands)) for step in steps] == [
        ("Move the traffic", 3),
        ("Is it well?", 1),
    ]


def test_a_document_without_headings() -> None:
    runbook = read("1. Restart: `kubectl rollout restart deploy/a -n a`\n")
    assert (runbook.title, runbook.procedures[0].id) == ("", "procedure")


def test_comments_and_tags_of_html_are_not_text() -> None:
    runbook = read(
        """\
        # A
        ## Fix it
        <!-- 1. `kubectl delete ns production` -->
        1. Go to <b>the<br>place</b> <!-- now --> of <pod-name>: `kubectl get pods`
        """
    )
    assert [step.text for step in runbook.procedures[0].steps] == ["Go to the place of <pod-name>"]


def test_two_titles_each_with_its_own_meaning() -> None:
    runbook = read(
        """\
        # Rollback
        1. Undo the release
        # Contacts
        1. Call Bob
        """
    )
    assert [procedure.id for procedure in runbook.procedures] == ["rollback"]


def test_numbered_items_under_alerts_are_steps_unless_they_state_a_number() -> None:
    runbook = read(
        """\
        # A
        ## Alerts
        They page the one on call.

        1. Latency > 2s
        2. Look: `kubectl get pods -n a`
        -
        """
    )
    assert [claim.id for claim in runbook.alerts] == ["response-time"]
    assert len(runbook.procedures) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Monitor for 15 minutes post-rollback", 900.0),
        ("Wait at least 30s", 30.0),
        ("Watch the dashboards for another 1 hour", 3600.0),
        ("Observe over the next 10-15 min", 900.0),
        ("Monitor metrics", None),
        ("Update within 5 minutes", None),
        ("Scale up if the queue grows for 10 minutes", None),
        ("Check the logs for 500 errors", None),
        ("Look for 3 mice for 2 minutes", 120.0),
    ],
)
def test_a_step_may_state_how_long_it_takes(text: str, seconds: float | None) -> None:
    runbook = read(f"# A\n## Fix it\n1. {text}\n")
    assert runbook.procedures[0].steps[0].duration_s == seconds


def test_a_folded_part_is_a_section_of_its_own() -> None:
    runbook = read(
        """\
        # Ranker

        ## Playbook

        Look first: `kubectl get pods`

        <details>
        <summary>🔥 <b>Latency</b> &amp; load</summary>

        1. Restart: `kubectl rollout restart deploy/ranker`

        </details>

        <details><summary>Cache</summary>

        - Warm it: `kubectl create job warm --from=cronjob/warmer`

        </details>

        Then `kubectl get events`

        ## Contacts
        """
    )
    assert commands(runbook) == {
        "playbook": [["kubectl get pods"], ["kubectl get events"]],
        "latency-load": [["kubectl rollout restart deploy/ranker"]],
        "cache": [["kubectl create job warm --from=cronjob/warmer"]],
    }
    assert [(line.number, line.level) for line in runbook.lines if line.reading == "heading"] == [
        (1, 1),
        (3, 2),
        (8, 3),
        (14, 3),
        (22, 2),
    ]


def test_a_folded_part_at_the_beginning_or_without_an_end() -> None:
    begin = "</details>\n\n<details><summary>-</summary>\n\n"
    runbook = read(begin + "<details><summary>A</summary>\n\n1. `kubectl get pods`\n")
    assert commands(runbook) == {"a": [["kubectl get pods"]]}
