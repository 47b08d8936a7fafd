"""The Docker command line: whether it answers, what it holds, building. Nothing else calls it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rundrill.errors import MachineError

ANSWER_BUDGET_S: Final = 20.0
BUILD_BUDGET_S: Final = 900.0
STAND_IN: Final = "dev.rundrill.stand-in"
"""The label of an image that only bears another's name."""


class Docker:
    """Docker's client of this machine. Every failure is a `MachineError` that says what to do."""

    def __init__(self) -> None:
        found = shutil.which("docker")
        if found is None:
            raise MachineError(
                "docker is not installed: no container image can be built",
                path="PATH",
                fix="install Docker (docs.docker.com/get-docker), or use --target local",
            )
        self._program = found

    def require_answer(self) -> None:
        """Raises unless the daemon answers."""
        done = self._call(["version", "--format", "{{.Server.Version}}"], ANSWER_BUDGET_S)
        if done.returncode != 0:
            raise MachineError(
                f"the Docker daemon does not answer: {_last_lines(done, 2)}",
                path=os.environ.get("DOCKER_HOST") or self._program,
                fix="start Docker, and see that `docker version` shows a Server",
            )

    def has(self, image: str) -> bool:
        """Whether the image is in this Docker already."""
        return self._call(["image", "inspect", image], ANSWER_BUDGET_S).returncode == 0

    def is_stand_in(self, image: str) -> bool:
        """Whether an image that is there was made by `rundrill.images` under another's name."""
        options = ["image", "inspect", "--format", "{{json .Config.Labels}}", image]
        done = self._call(options, ANSWER_BUDGET_S)
        if done.returncode != 0:
            return False
        return STAND_IN in (json.loads(done.stdout) or {})

    def output(self, image: str, command: Sequence[str]) -> str:
        """What a program in a new container of `image` writes; it has no network."""
        options = ["run", "--rm", "--network=none", "--entrypoint", command[0], image, *command[1:]]
        done = self._call(options, ANSWER_BUDGET_S * 3)
        if done.returncode != 0:
            raise MachineError(
                f"{command[0]} does not run in it: {_last_lines(done)}",
                path=image,
                fix="name a base image that has it, and that is here: `docker image ls`",
            )
        return done.stdout.decode("utf-8", "replace")

    def build(
        self,
        image: str,
        *,
        context: Path,
        arguments: Mapping[str, str] | None = None,
        labels: Sequence[str] = (),
        offline: bool = False,
        fix: str,
    ) -> None:
        """Builds the Dockerfile in `context`; `offline` means without any network."""
        options = [
            *(f"--build-arg={key}={value}" for key, value in (arguments or {}).items()),
            *(f"--label={label}" for label in labels),
            *(["--network=none"] if offline else []),
        ]
        done = self._call(["build", "--tag", image, *options, str(context)], BUILD_BUDGET_S)
        if done.returncode != 0:
            raise MachineError(f"the image was not built: {_last_lines(done)}", path=image, fix=fix)
        if not self.has(image):
            raise MachineError(
                "the image was built and is not in this Docker: another builder has it",
                path=image,
                fix="choose Docker's own, see `docker buildx ls`: docker buildx use NAME",
            )

    def _call(
        self, arguments: Sequence[str], budget_s: float
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                [self._program, *arguments],
                # An attestation makes a list of images of one image, which kind does not load.
                env={**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=budget_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MachineError(
                f"`docker {arguments[0]}` took over {budget_s:g} s",
                path=self._program,
                fix="see that Docker answers: docker version",
            ) from error
        except OSError as error:
            raise MachineError(
                f"docker cannot be run: {error.strerror or error}", path=self._program
            ) from error


def _last_lines(done: "subprocess.CompletedProcess[bytes]", count: int = 4) -> str:
    text = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    return " | ".join(line.strip() for line in text.splitlines()[-count:]) or (
        f"exit code {done.returncode}"
    )
