"""One cluster, from start to end: everything is wired here and nowhere else."""

import asyncio
import contextlib
import dataclasses
import errno
import gc
import logging
import os
import secrets
import signal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from localcluster import journal, kinds, kubeconfig, open_files, tls
from localcluster.api.server import build_app
from localcluster.controllers.autoscaler import AutoscalerController
from localcluster.controllers.bootstrap import Bootstrap
from localcluster.controllers.cordon import CordonTaint
from localcluster.controllers.cronjob import CronJobController
from localcluster.controllers.deployment import DeploymentController
from localcluster.controllers.disruption import DisruptionController
from localcluster.controllers.endpoints import EndpointsController
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.job import JobController
from localcluster.controllers.replicaset import ReplicaSetController
from localcluster.controllers.scheduler import PodScheduler
from localcluster.controllers.statefulset import StatefulSetController
from localcluster.errors import InputError
from localcluster.images import catalogue
from localcluster.images.catalogue import Catalogue
from localcluster.journal import Journal
from localcluster.network.addresses import Block, take_block
from localcluster.network.cluster_ip import ClusterIPs
from localcluster.network.services import ServiceKey, ServiceNetwork
from localcluster.objects import KubeObject
from localcluster.registry import MemoryRegistry
from localcluster.runtime import memory_groups
from localcluster.runtime.kubelet import Kubelet
from localcluster.runtime.meter import Meter
from localcluster.runtime.node import NODE_NAME, Node
from localcluster.state import Server, StateDir

_LOG: Final = logging.getLogger(__name__)
LOST_AFTER_S: Final = 5.0
"""How often a server looks whether its state directory is still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `localcluster serve` was asked for."""

    images: Sequence[Path] = ()
    compress: float = 1.0
    port: int | None = None
    lifeline_fd: int | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Cluster:
    """The parts of a running cluster, in the order of their start."""

    def __init__(self, options: Options, images: Catalogue, state: StateDir, block: Block) -> None:
        self._state = state
        self._block = block
        self._compress = options.compress
        self._token = secrets.token_urlsafe(32)
        self._journal = Journal(state.journal, uuid.uuid4().hex)
        self._certificate, self._context = tls.certify(block.node_address, state.tls)
        loop = asyncio.get_running_loop()
        self._registry = MemoryRegistry(_utc_now)
        self._registry.admission.append(ClusterIPs(block))
        self._recorder = EventRecorder(self._registry, loop, NODE_NAME)
        self._network = ServiceNetwork(
            self._registry, block, self._service_problem, self._without_effect
        )
        cluster_id = journal.read(state.journal)[0] or ""
        groups, self.memory = memory_groups.choose(os.environ, cluster_id, self._journal.has_group)
        _LOG.info("memory limits are %s", self.memory)
        self._kubelet = Kubelet(
            Node(
                registry=self._registry,
                recorder=self._recorder,
                journal=self._journal,
                catalogue=images,
                network=self._network,
                block=block,
                meter=Meter(),
                cluster_id=cluster_id,
                token=self._token,
                pods_folder=state.pods,
                volumes_folder=state.volumes,
                compress=options.compress,
                memory_groups=groups,
            )
        )
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"https://{self._block.node_address}:{self._block.api_port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_tell)
        registry, recorder = self._registry, self._recorder
        Bootstrap(
            registry,
            node=NODE_NAME,
            address=self._block.node_address,
            port=self._block.api_port,
            certificate=self._certificate,
        ).start()
        recorder.start()
        self._network.start()
        EndpointsController(registry, loop).start()
        DeploymentController(registry, recorder, loop).start()
        ReplicaSetController(registry, recorder, loop).start()
        StatefulSetController(registry, recorder, loop).start()
        JobController(registry, recorder, loop, _utc_now, compress=self._compress).start()
        CronJobController(registry, recorder, loop, _utc_now).start()
        AutoscalerController(
            registry,
            recorder,
            loop,
            _utc_now,
            self._kubelet.pod_metrics,
            compress=self._compress,
        ).start()
        PodScheduler(registry, recorder, loop, NODE_NAME).start()
        CordonTaint(registry, loop).start()
        DisruptionController(registry, loop).start()
        self._kubelet.start()
        app = build_app(registry, self._kubelet, token=self._token)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await web.SockSite(self._runner, self._block.api_socket, ssl_context=self._context).start()
        kubeconfig.write(
            self._state.kubeconfig,
            server=self.url,
            certificate=self._certificate,
            token=self._token,
        )

    async def stop(self) -> None:
        """Pods first, so that nothing starts them again: the API is closed to everybody."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._kubelet.stop()
        await self._network.close()
        self._journal.close()

    def _service_problem(
        self, key: ServiceKey, port: int, problem: str, instead: int | None
    ) -> None:
        service = self._registry.find(kinds.SERVICES, *key)
        if service is None:
            return
        self._recorder.event(
            service, "Warning", "PortProblem", f"port {port} {problem}", component="service-proxy"
        )
        if instead is not None:

            def annotate(obj: KubeObject) -> None:
                annotations = obj["metadata"].setdefault("annotations", {})
                annotations[f"localcluster/port-{port}"] = str(instead)

            self._registry.modify(kinds.SERVICES, *key, annotate)

    def _without_effect(self, obj: KubeObject, problem: str) -> None:
        self._recorder.event(obj, "Warning", "WithoutEffect", problem, component="service-proxy")


async def serve(options: Options, state: StateDir, on_ready: Callable[[Path], None]) -> None:
    """Runs a cluster until it is told to stop; raises `InputError`. `state` is claimed already.

    SIGTERM, SIGINT, SIGHUP and the end of the lifeline tell it to. Whatever a killed server of
    this state directory left is ended first.
    """
    state.reap()
    images = catalogue.load(options.images)
    stopped = _stop_requests(options.lifeline_fd)
    warning = open_files.warning(open_files.raise_limit())
    if warning:
        _LOG.warning("%s", warning)
    block = take_block(options.port)
    cluster: _Cluster | None = None
    try:
        me = dataclasses.replace(Server.here(options.compress), address=block.node_address)
        state.write_server(me)
        cluster = _Cluster(options, images, state, block)
        await cluster.start()
        me = dataclasses.replace(me, ready=True, url=cluster.url, memory=cluster.memory)
        state.write_server(dataclasses.replace(me, warning=warning))
        # Everything that lives as long as the server is there by now: no need to look at it again.
        gc.collect()
        gc.freeze()
        on_ready(state.kubeconfig)
        await _until(stopped, state)
    except OSError as error:
        raise state.unusable(error) from error
    finally:
        if cluster is not None:
            await cluster.stop()
        block.close()
        if state.lost:  # what is there now, if anything, is another's
            state.clear_after_loss()
        else:
            _end_leftovers(state)
            state.clear_leftovers()


async def _until(stopped: asyncio.Event, state: StateDir) -> None:
    """Until it is told to stop, or its state directory is gone: then nobody could tell it."""
    while not state.lost:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOST_AFTER_S):
                await stopped.wait()
                return
    _LOG.warning("the state directory %s is gone; the cluster ends", state.path)


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A machine's limit is told in one line; its connection waits, and is taken later."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        _LOG.warning("%s: %s", context["message"], error.strerror)
    else:
        loop.default_exception_handler(context)


def _end_leftovers(state: StateDir) -> None:
    # Pods have been stopped; what still lives had escaped them.
    with contextlib.suppress(TimeoutError):
        journal.reap(state.journal, within_s=5.0)


def _stop_requests(lifeline_fd: int | None) -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Whoever starts it with nohup wants it to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stopped.set)
    if lifeline_fd is not None:
        _watch_lifeline(lifeline_fd, stopped)
    return stopped


def _watch_lifeline(fd: int, stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(fd)
            stopped.set()

    try:
        os.set_blocking(fd, False)
        loop.add_reader(fd, read)
    except OSError as error:
        raise InputError(
            "its input is not a pipe, so its end cannot be noticed",
            place="--lifeline",
            fix="start it with a pipe at its standard input, or leave --lifeline out",
        ) from error
