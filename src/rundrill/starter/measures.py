"""PromQL for what runbooks usually measure, from what every cluster and every load exports."""

from typing import Final

from rundrill.starter.facts import Facts

LOAD: Final = {
    "error rate": (
        'sum(rate(load_requests_completed_total{outcome="failed"}[5m]))'
        " / sum(rate(load_requests_completed_total[5m]))"
    ),
    "success rate": (
        '1 - sum(rate(load_requests_completed_total{outcome="failed"}[5m]))'
        " / sum(rate(load_requests_completed_total[5m]))"
    ),
    "response time": (
        "histogram_quantile(0.95, sum by (le) (rate(load_request_duration_seconds_bucket[5m])))"
    ),
    "throughput": "sum(rate(load_requests_completed_total[5m])) * 60",
}
"""The load's own account: what its customers see. It is there whatever the service exports."""


def pods(facts: Facts) -> str:
    return f'namespace="{facts.namespace}", pod=~"{facts.name}-.+"'


def container(facts: Facts) -> str:
    return f'namespace="{facts.namespace}", container="{facts.container}"'


def of_limit(facts: Facts, used: str, resource: str) -> str:
    return (
        f"max(max by (namespace, pod, container) ({used})"
        " / max by (namespace, pod, container) (kube_pod_container_resource_limits{"
        f'{container(facts)}, resource="{resource}"}}))'
    )


def of_pods(metric: str, facts: Facts, window: str = "10m") -> str | None:
    """What the cluster itself exports of the service's pods; None where that does not tell it."""
    if metric == "memory usage":
        used = f"container_memory_working_set_bytes{{{container(facts)}}}"
        return of_limit(facts, used, "memory")
    if metric == "cpu usage":
        used = f"rate(container_cpu_usage_seconds_total{{{container(facts)}}}[5m])"
        return of_limit(facts, used, "cpu")
    if metric == "restart count":
        return f"increase(kube_pod_container_status_restarts_total{{{pods(facts)}}}[{window}])"
    return None
