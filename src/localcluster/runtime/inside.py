"""Programs started in one container's surroundings: its steps, its command, what is executed."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from localcluster.images.image import Image, Launch, Surroundings
from localcluster.runtime.environment import expand
from localcluster.runtime.output import Collected
from localcluster.runtime.process import Child, Streams, spawn
from localcluster.runtime.sandbox import Sandbox


class Inside:
    """Valid for one run of a container: its configuration is read anew for the next."""

    def __init__(
        self,
        sandbox: Sandbox,
        spec: Mapping[str, Any],
        image: Image,
        surroundings: Surroundings,
        folder: Path,
    ) -> None:
        self.image = image
        self._sandbox = sandbox
        self._spec = spec
        self._surroundings = surroundings
        self._folder = folder
        # The run's control group, which what is executed in the container enters as well.
        self.enter: Callable[[], None] | None = None

    def launch(self) -> Launch:
        """Raises `ImageProblem` or `OSError`."""
        command, args = (self._texts(key) for key in ("command", "args"))
        return self.image.launch(self._surroundings, command, args)

    async def run_steps(
        self, launch: Launch, streams: tuple[int, int], on_start: Callable[[Child], None]
    ) -> Child | None:
        """What an entrypoint does before it executes the server; the step that failed, if any."""
        for step in launch.steps:
            reading, writing = os.pipe()
            try:
                child = self._spawn(launch, step.argv, streams, stdin=reading)
                on_start(child)
                # Steps read little: far less than a pipe holds, so this cannot block.
                with contextlib.suppress(BrokenPipeError):
                    os.write(writing, step.input)
            finally:
                os.close(reading)
                os.close(writing)
            if await child.wait() != 0:
                return child
        return None

    def start(self, launch: Launch, streams: tuple[int, int]) -> Child:
        """Starts the container's own command; raises `OSError`."""
        return self._spawn(launch, launch.argv, streams)

    def command(self, argv: Sequence[str], streams: Streams, *, terminal: bool = False) -> Child:
        """Starts a command as `kubectl exec` does; raises `OSError`."""
        env = {**self._surroundings.env, **self.image.exec_env(self._surroundings)}
        if terminal:
            env["TERM"] = "xterm"
        return spawn(
            argv,
            env=env,
            cwd=self._working_folder(),
            role=f"exec {self._role}",
            journal=self._sandbox.node.journal,
            streams=streams,
            terminal=terminal,
            enter=self.enter,
        )

    async def execute(self, argv: Sequence[str], timeout_s: float | None) -> tuple[int, str]:
        """Exit code and output of a probe's or hook's command; raises `TimeoutError`, `OSError`."""
        reading, writing = os.pipe()
        try:
            child = self.command(argv, Streams(stdout=writing, stderr=writing))
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        output = Collected(reading)
        try:
            async with asyncio.timeout(timeout_s):
                code = await child.wait()
            return code, output.text()
        finally:
            if child.code is None:
                child.kill_group()
            output.close()

    def discard(self) -> None:
        """Frees what the ended container left outside of its folders."""
        self.image.discard(self._surroundings)

    def _working_folder(self) -> Path:
        """`workingDir`: a mounted one, or one of this machine, or an empty one of its own."""
        asked = self._spec.get("workingDir")
        if not asked:
            return self._folder
        near = self._surroundings
        place = Path(self._sandbox.localize(expand(asked, near.env), near.mounts))
        if str(place) == asked and not place.is_dir():
            place = self._folder / "root" / asked.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        return place

    @property
    def _role(self) -> str:
        return f"{self._sandbox.namespace}/{self._sandbox.name}/{self._spec['name']}"

    def _texts(self, key: str) -> list[str]:
        near = self._surroundings
        return [
            self._sandbox.localize(expand(part, near.env), near.mounts)
            for part in self._spec.get(key) or ()
        ]

    def _spawn(
        self,
        launch: Launch,
        argv: Sequence[str],
        streams: tuple[int, int],
        *,
        stdin: int = subprocess.DEVNULL,
    ) -> Child:
        return spawn(
            argv,
            env=self._surroundings.env,
            cwd=self._working_folder(),
            role=f"pod {self._role}",
            journal=self._sandbox.node.journal,
            streams=Streams(stdin=stdin, stdout=streams[0], stderr=streams[1]),
            become=launch.become,
            enter=self.enter,
        )
