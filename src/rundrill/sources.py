"""Where the samples of a drill come from: the service's pods, the cluster, the load.

Everything in the cluster is read through the API server's proxies, so a kubeconfig is all that
is needed, on any target.
"""

import math
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from rundrill.detection import ALERT_NAME, AlertChange, ScrapeFailure, ScrapeTarget
from rundrill.detection.notify import DeliveryFailure, Notification
from rundrill.events import AlertChanged, AlertNotified, NotificationFailed, ScrapeFailed
from rundrill.load import Load
from rundrill.plan import ServiceFile
from rundrill.target import kube_state
from rundrill.target.cluster import Cluster, ClusterError

SCRAPE_BUDGET_S = 2.0
_ROUNDED_S = 0.001
"""What a time loses on its way through a message."""
KUBE_STATE_METRICS = (
    "/api/v1/namespaces/kube-system/services/kube-state-metrics:http-metrics/proxy/metrics"
)


def scrape_targets(
    cluster: Cluster, nodes: Sequence[str], service: ServiceFile, load: Load
) -> Callable[[], Sequence[ScrapeTarget]]:
    """The targets as they are now: pods come and go."""
    last: list[ScrapeTarget] = []

    def get(path: str) -> Callable[[], str]:
        return lambda: cluster.get_text(path, timeout_s=SCRAPE_BUDGET_S)

    namespaces = sorted({service.load_namespace, *(one.namespace for one in service.scrape)})

    def service_pods() -> list[ScrapeTarget]:
        return [
            ScrapeTarget(
                job=scrape.job,
                instance=f"{pod.name}:{scrape.port}",
                labels={"namespace": pod.namespace, "pod": pod.name},
                fetch=get(
                    f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{scrape.port}/proxy/metrics"
                ),
            )
            for scrape in service.scrape
            for pod in cluster.pods(scrape.namespace, scrape.selector)
            # Not only the ready ones: a service that hangs is not ready, and must be seen.
            if pod.started and not pod.terminating
        ]

    fixed = [
        _target(
            "kube-state-metrics",
            "kube-state-metrics",
            _kube_state(cluster, namespaces),
        ),
        *(
            _target("cadvisor", node, get(f"/api/v1/nodes/{node}/proxy/metrics/cadvisor"))
            for node in nodes
        ),
        _target("load", "load", lambda: _fetch(load.metrics_url)),
    ]

    def targets() -> Sequence[ScrapeTarget]:
        # An API server that does not answer once is a failed scrape of what was there last.
        with suppress(ClusterError):
            last[:] = service_pods()
        return [*last, *fixed]

    return targets


def _kube_state(cluster: Cluster, namespaces: Sequence[str]) -> Callable[[], str]:
    """The page of kube-state-metrics; where the first answer says that there is none, what follows
    from the objects themselves.

    Only "there is no such Service" says so: one that is there and does not answer is a failed
    scrape.
    """
    is_absent: list[bool] = []

    def fetch() -> str:
        if not is_absent or not is_absent[0]:
            try:
                page = cluster.get_text(KUBE_STATE_METRICS, timeout_s=SCRAPE_BUDGET_S)
            except ClusterError as error:
                if is_absent or error.code != 404:
                    raise
                is_absent.append(True)
            else:
                is_absent[:] = [False]
                return page
        return kube_state.exposition(
            cluster.objects("pods", namespaces), cluster.objects("deployments", namespaces)
        )

    return fetch


def alert_changed(change: AlertChange, started: float) -> AlertChanged:
    """A change of the detector as an event; the detector knows the clock, not the drill."""
    return AlertChanged(
        at=change.at - started,
        alert=change.alert,
        state=change.state.value,
        labels=dict(change.labels),
        # A ratio of nothing is infinite in PromQL, and not a number in JSON.
        value=change.value if change.value is not None and math.isfinite(change.value) else None,
    )


def scrape_failed(failure: ScrapeFailure, started: float) -> ScrapeFailed:
    return ScrapeFailed(
        at=failure.at - started,
        job=failure.job,
        instance=failure.instance,
        error=failure.error,
    )


def alerts_notified(
    notification: Notification, started: float, wall_offset_s: float
) -> Iterator[AlertNotified]:
    """One for each alert that fires by the message, and began to since `started`: a message may
    still have been on its way when the drill began.
    """
    for alert in notification.alerts:
        if alert.firing and alert.starts_at - wall_offset_s >= started - _ROUNDED_S:
            yield AlertNotified(
                at=notification.at - started,
                alert=alert.labels.get(ALERT_NAME, ""),
                labels=alert.labels,
                receiver=notification.receiver,
            )


def notification_failed(failure: DeliveryFailure, started: float) -> NotificationFailed:
    return NotificationFailed(
        at=failure.at - started,
        receiver=failure.receiver,
        alerts=failure.alerts,
        error=failure.error,
    )


def _target(job: str, instance: str, fetch: Callable[[], str]) -> ScrapeTarget:
    return ScrapeTarget(job=job, instance=instance, fetch=fetch, labels={})


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=SCRAPE_BUDGET_S) as answer:  # noqa: S310 - our load's
        body: bytes = answer.read()
    return body.decode("utf-8")
