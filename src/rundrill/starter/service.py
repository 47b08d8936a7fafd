"""service.yaml and images.yaml: how the service is deployed, loaded, scraped and audited."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.starter.facts import TODO, Facts
from rundrill.starter.text import comment, scalar

_BUILT_IN: Final = re.compile(r"(?:^|/)(?:postgres|valkey)(?:[:@]|$)")
"""The embedded cluster brings these itself."""


def service_yaml(facts: Facts) -> str:
    return "\n".join(_service(facts)) + "\n"


def _service(facts: Facts) -> Iterator[str]:
    yield comment(
        "What a drill must know of the service beside its runbook. Begun by `rundrill init`."
    )
    yield comment("Paths are relative to this file.")
    if not facts.commanded:
        yield comment(f"TODO: no command of the runbook names the Deployment {facts.name}: is it")
        yield comment("the one that it is about? If not: `rundrill init --service NAME`.")
    yield f"name: {scalar(facts.name)}"
    yield ""
    yield "local: # on the embedded cluster"
    yield f"  manifests: {scalar(facts.paths.manifests)}"
    yield "  images: images.yaml"
    yield ""
    yield comment("TODO: a load that asks your service what its customers ask. That of rundrill")
    yield comment(
        "asks for payments; its load/locustfile.py and load/mix.py show what yours has to do."
    )
    yield "load:"
    yield f"  locustfile: {scalar(facts.paths.locustfile or TODO)}"
    yield f"  namespace: {scalar(facts.namespace)}"
    if facts.front is None:
        yield comment("TODO: the Service before it", 2)
    yield f"  service: {scalar(facts.front.name if facts.front else facts.name)}"
    yield f"  port: {facts.port}"
    yield ""
    yield comment(
        "Beside the cluster's own metrics and those of the load. TODO: is the port right?"
    )
    yield "scrape:"
    yield (
        f"  - {{job: {scalar(facts.name)}, namespace: {scalar(facts.namespace)},"
        f" selector: {scalar(facts.selector)}, port: {facts.metrics_port}}}"
    )
    yield ""
    yield comment("Who is told of the alerts; without it nobody is notified, and firing is enough:")
    yield comment("alertmanager: alertmanager.yml")
    yield ""
    yield comment(
        "TODO: the command that lists everything the service has stored, as `key|id|status`:"
    )
    yield comment("what was acknowledged to a client must be there exactly once. Without an answer")
    yield comment("nothing is proven about it.")
    yield f"audit: {TODO}"


def images_yaml(facts: Facts) -> str:
    """What each image of the manifests runs on the embedded cluster."""
    return "\n".join(_images(facts)) + "\n"


def _images(facts: Facts) -> Iterator[str]:
    yield comment(
        "The image catalogue of the embedded cluster: what an image name runs there, since it"
    )
    yield comment(
        "has no container runtime. {python} is its interpreter, {pod_ip} the pod's address."
    )
    yield comment("TODO: the real commands. kind and real clusters use the images themselves.")
    images = dict.fromkeys(
        image
        for one in facts.resources.objects
        for image in one.images
        if image and not _BUILT_IN.search(image)
    )
    if not images:
        yield "[]"
    for image in images:
        name, _, tag = image.partition("@")[0].rpartition(":")
        if not name or "/" in tag:
            name, tag = image.partition("@")[0], "latest"
        yield f"- image: {scalar(name)}"
        yield f'  tag: "{tag}"'
        yield '  command: ["false"] # TODO'
