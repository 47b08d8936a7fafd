"""service.yaml: how a service is deployed, loaded, scraped and audited. One file a service."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rundrill.base import document
from rundrill.base.document import Node
from rundrill.errors import ExperimentError
from rundrill.plan.contexts import AllowedContext, read_contexts
from rundrill.plan.limits import Limits, read_limits

DEFAULT_SERVICE: Final = Path("runbooks/payment-service/service.yaml")
"""From the folder in which commands are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodScrape:
    """Metrics of the pods that match a selector, through the API server's pod proxy."""

    job: str
    namespace: str
    selector: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeBook:
    """Where a gateway shows its books, through the API server's pod proxy: at `path` each pod
    answers `{"charges": [{"idempotency_key": "k", "amount_minor": 1999, "currency": "EUR"}]}`.
    """

    gateway: str
    namespace: str
    selector: str
    port: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFile:
    """`audit` is the command whose output lists every stored payment as `key|id|status`, or as
    `key|id|status|amount|currency`; `charges` are the books to compare it with.
    `oldest_in_flight` is PromQL for how long the service's oldest open request waits, in seconds:
    a hang is seen by it while it lasts. `alertmanager` is the configuration that says who is told
    of alerts; without it nobody is notified. `contexts` are where drills may run beside the
    clusters of their own.
    """

    path: Path
    name: str
    manifests: Path
    images: Path
    locustfile: Path
    load_namespace: str
    load_service: str
    load_port: int
    scrape: tuple[PodScrape, ...]
    audit: str
    charges: tuple[ChargeBook, ...] = ()
    oldest_in_flight: str | None = None
    alertmanager: Path | None = None
    contexts: tuple[AllowedContext, ...] = ()
    limits: Limits = field(default_factory=Limits)
    """At which the watchdog ends a drill."""


def read_service(path: Path) -> ServiceFile:
    """Reads service.yaml; paths in it are relative to it. Raises `ExperimentError`."""
    root = document.read(path, ExperimentError)
    local, load, charges = root.get("local"), root.get("load"), root.find("charges")
    oldest = root.find("oldest-in-flight")
    alertmanager = root.find("alertmanager")
    service = ServiceFile(
        path=path,
        name=root.get("name").text,
        manifests=existing_path(local.get("manifests")),
        images=existing_path(local.get("images")),
        locustfile=existing_path(load.get("locustfile")),
        load_namespace=load.get("namespace").text,
        load_service=load.get("service").text,
        load_port=_port(load.get("port")),
        scrape=tuple(_pod_scrape(item) for item in root.get("scrape").elements()),
        audit=_command(root.get("audit")),
        charges=() if charges is None else tuple(_book(item) for item in charges.elements()),
        oldest_in_flight=None if oldest is None else oldest.text,
        alertmanager=None if alertmanager is None else existing_path(alertmanager),
        contexts=read_contexts(root.find("contexts")),
        limits=read_limits(root.find("limits")),
    )
    for node in (root, local, load):
        node.close()
    return service


def existing_path(node: Node) -> Path:
    """A path relative to the document that names it; it must exist."""
    path = (node.path.parent / node.text).resolve()
    if not path.exists():
        raise node.fail(f"{node.text} does not exist", f"the path is taken from {node.path.parent}")
    return path


def _command(node: Node) -> str:
    try:
        shlex.split(node.text)
    except ValueError as error:
        raise node.fail(f"is no command: {error}", "close what is quoted in it") from error
    return node.text


def _port(node: Node) -> int:
    port = node.number
    if not (port.is_integer() and 0 < port < 65536):
        raise node.fail(f"expected a port, found {node.text}")
    return int(port)


def _pod_scrape(node: Node) -> PodScrape:
    scrape = PodScrape(
        job=node.get("job").text,
        namespace=node.get("namespace").text,
        selector=node.get("selector").text,
        port=_port(node.get("port")),
    )
    node.close()
    return scrape


def _book(node: Node) -> ChargeBook:
    book = ChargeBook(
        gateway=node.get("gateway").text,
        namespace=node.get("namespace").text,
        selector=node.get("selector").text,
        port=_port(node.get("port")),
        path=node.get("path").text,
    )
    node.close()
    return book
