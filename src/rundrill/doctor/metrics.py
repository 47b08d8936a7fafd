"""Metrics: whether each source answers, and whether the names that the rules need are there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rundrill.detection import RuleSet
from rundrill.detection.exposition import ExpositionError, samples
from rundrill.doctor.check import NONSENSE, Check, attempted, nonsense
from rundrill.plan import ServiceFile
from rundrill.plan.service_file import PodScrape
from rundrill.sources import KUBE_STATE_METRICS
from rundrill.target import kube_state
from rundrill.target.cluster import Cluster, ClusterError

GROUP: Final = "metrics"
OF_THE_LOAD: Final = "load_"
"""How the names of the load's own metrics begin; they are there while it runs."""
OF_THE_SCRAPE: Final = frozenset({"up"})
"""What the detector itself tells of each page that it asks for."""
PAGE_BUDGET_S: Final = 5.0
_METRICS_API: Final = "/apis/metrics.k8s.io/v1beta1/nodes"
_TOLD: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page in the Prometheus text format, or why there is none.

    `names` have samples, `declared` have a TYPE and none yet.
    """

    source: str
    names: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    count: int = 0
    failure: str = ""


def checks(cluster: Cluster, service: ServiceFile, rules: RuleSet | None) -> Iterator[Check]:
    yield from attempted(
        GROUP,
        "metrics.k8s.io",
        lambda: [_metrics_api(cluster)],
        fix="see `kubectl get apiservice v1beta1.metrics.k8s.io`",
    )
    pages = list(_cluster_pages(cluster, service))
    for page in pages:
        yield absent_kube_state() if page.source == DERIVED and page.count else judge_page(page)
    for scrape in service.scrape:
        found = _service_pages(cluster, scrape)
        yield judge_service(scrape, found)
        pages += found
    if rules is None:
        yield Check(
            group=GROUP,
            name="names of the rules",
            state="not known",
            seen="not tried: no experiment was named, so no rules",
            fix="name experiments: rundrill doctor experiments/*.yaml",
        )
    else:
        yield from judge_names(needed_by(rules), pages)


DERIVED: Final = "objects of the cluster"
"""The source of what kube-state-metrics would tell, where it is not installed."""


def read_page(source: str, text: str) -> Page:
    """Strict, as the detector reads it."""
    try:
        series = [name for name, _, _ in samples(text)]
    except ExpositionError as error:
        return Page(source=source, failure=f"is not the text format: {error}")
    names = frozenset(one.partition("{")[0].strip() for one in series)
    typed = (line.split() for line in text.splitlines() if line.startswith("# TYPE "))
    declared = frozenset(
        name
        for words in typed
        if len(words) > 3
        for name in (
            words[2],
            *(
                (f"{words[2]}_{part}" for part in ("bucket", "sum", "count"))
                if words[3] == "histogram"
                else ()
            ),
        )
    )
    return Page(source=source, names=names, declared=declared - names, count=len(series))


def judge_page(page: Page) -> Check:
    if page.failure:
        return Check(
            group=GROUP,
            name=page.source,
            state="failed",
            seen=page.failure,
            fix="the account needs `get` on the proxies of nodes and services (deploy/rbac.yaml);"
            " see that the program behind it runs",
        )
    if not page.count:
        return Check(
            group=GROUP,
            name=page.source,
            state="failed",
            seen="answers, with no sample",
            fix="see the log of the program behind it",
        )
    seen = f"{page.count:,} samples of {len(page.names)} metrics"
    return Check(group=GROUP, name=page.source, state="ok", seen=seen)


def absent_kube_state() -> Check:
    return Check(
        group=GROUP,
        name="kube-state-metrics",
        state="warning",
        seen="there is no Service kube-state-metrics in kube-system: what its commonest metrics"
        " say is derived from pods and Deployments instead",
        fix="install kube-state-metrics in kube-system, if rules need other names of it",
    )


def judge_service(scrape: PodScrape, pages: Sequence[Page]) -> Check:
    name = f"page of {scrape.job}"
    broken = [page for page in pages if page.failure]
    where = f"{scrape.selector} in {scrape.namespace}, port {scrape.port}"
    if not pages:
        return Check(
            group=GROUP,
            name=name,
            state="failed",
            seen=f"no pod has started of {where}",
            fix="deploy the service, or correct `scrape` in service.yaml",
        )
    if broken:
        return Check(
            group=GROUP,
            name=name,
            state="failed",
            seen=f"{len(broken)} of {len(pages)} pods tell nothing: {broken[0].failure}",
            fix="see that they serve /metrics there, and that the account may `get pods/proxy`",
        )
    least = min(len(page.names) for page in pages)
    seen = f"{len(pages)} pods, {least} metrics each or more"
    return Check(group=GROUP, name=name, state="ok", seen=seen)


def needed_by(rules: RuleSet) -> Mapping[str, Sequence[str]]:
    """Names of scraped metrics to the alerts that need them."""
    found: dict[str, list[str]] = {}
    for alert in rules.alerts.values():
        for name in sorted(alert.metrics):
            found.setdefault(name, []).append(alert.name)
    return found


def judge_names(needed: Mapping[str, Sequence[str]], pages: Sequence[Page]) -> Iterator[Check]:
    """Where a source tells nothing, a name that is nowhere else is not known to be missing."""
    present = OF_THE_SCRAPE.union(*(page.names for page in pages)) if pages else frozenset()
    declared = frozenset[str]().union(*(page.declared for page in pages))
    silent = [page.source for page in pages if page.failure]
    seen = 0
    for name, alerts in sorted(needed.items()):
        who = _who(alerts)
        if name in present:
            seen += 1
        elif name.startswith(OF_THE_LOAD):
            yield _name(
                name,
                "not known",
                f"told by the load, which is not running; for {who}",
                "it is there during a drill",
            )
        elif name in declared:
            yield _name(
                name,
                "warning",
                f"declared, without a sample so far; for {who}",
                "ask again when the service is used; a counter that only appears with its first"
                " event hides that one from rate(): have it start at 0",
            )
        elif silent:
            yield _name(
                name,
                "not known",
                f"not found, and {', '.join(silent)} told nothing; for {who}",
                "mend those first",
            )
        else:
            yield _name(
                name,
                "failed",
                f"nothing here tells it; for {who}",
                "correct the name in the rules, or add what exports it",
            )
    if seen:
        yield Check(
            group=GROUP,
            name="names of the rules",
            state="ok",
            seen=f"{seen} of {len(needed)} that alerts need have samples now",
        )
    elif not needed:
        yield _name("names of the rules", "warning", "no alert needs a metric", "see the rules")


def _name(name: str, state: Any, seen: str, fix: str) -> Check:
    return Check(group=GROUP, name=name, state=state, seen=seen, fix=fix)


def _who(alerts: Sequence[str]) -> str:
    more = f" and {len(alerts) - _TOLD} more" if len(alerts) > _TOLD else ""
    return ", ".join(alerts[:_TOLD]) + more


def _metrics_api(cluster: Cluster) -> Check:
    try:
        nodes = cluster.get(_METRICS_API)["items"]
    except ClusterError as error:
        if error.code not in (404, 503):
            raise
        return Check(
            group=GROUP,
            name="metrics.k8s.io",
            state="warning",
            seen="not served here" if error.code == 404 else f"does not answer: {error}",
            fix="install metrics-server (deploy/components/metrics-server), if the runbook says"
            " `kubectl top` or a HorizontalPodAutoscaler is drilled",
        )
    if not nodes:
        return Check(
            group=GROUP,
            name="metrics.k8s.io",
            state="warning",
            seen="served, and it knows of no node yet",
            fix="wait a minute; then see the log of metrics-server",
        )
    return Check(
        group=GROUP, name="metrics.k8s.io", state="ok", seen=f"usage of {len(nodes)} nodes"
    )


def _cluster_pages(cluster: Cluster, service: ServiceFile) -> Iterator[Page]:
    try:
        yield _read(cluster, "kube-state-metrics", KUBE_STATE_METRICS)
    except ClusterError as error:
        if error.code != 404:
            yield Page(source="kube-state-metrics", failure=str(error))
        else:
            yield _derived(cluster, service)
    try:
        nodes = cluster.nodes()
    except ClusterError as error:
        yield Page(source="cAdvisor", failure=f"nodes cannot be listed: {error}")
        return
    except NONSENSE as error:
        yield Page(source="cAdvisor", failure=f"nodes cannot be listed: {nonsense(error)}")
        return
    for node in nodes:
        path = f"/api/v1/nodes/{node}/proxy/metrics/cadvisor"
        yield _page(cluster, f"cAdvisor of {node}", path)


def _derived(cluster: Cluster, service: ServiceFile) -> Page:
    namespaces = sorted({service.load_namespace, *(one.namespace for one in service.scrape)})
    try:
        text = kube_state.exposition(
            cluster.objects("pods", namespaces), cluster.objects("deployments", namespaces)
        )
    except ClusterError as error:
        return Page(source=DERIVED, failure=str(error))
    except NONSENSE as error:
        return Page(source=DERIVED, failure=nonsense(error))
    return read_page(DERIVED, text)


def _service_pages(cluster: Cluster, scrape: PodScrape) -> Sequence[Page]:
    try:
        pods = [pod.name for pod in cluster.pods(scrape.namespace, scrape.selector) if pod.started]
    except ClusterError as error:
        return [Page(source=scrape.job, failure=str(error))]
    except NONSENSE as error:
        return [Page(source=scrape.job, failure=nonsense(error))]
    root = f"/api/v1/namespaces/{scrape.namespace}/pods"
    return [_page(cluster, pod, f"{root}/{pod}:{scrape.port}/proxy/metrics") for pod in pods]


def _page(cluster: Cluster, source: str, path: str) -> Page:
    try:
        return _read(cluster, source, path)
    except ClusterError as error:
        return Page(source=source, failure=str(error))


def _read(cluster: Cluster, source: str, path: str) -> Page:
    return read_page(source, cluster.get_text(path, timeout_s=PAGE_BUDGET_S))
