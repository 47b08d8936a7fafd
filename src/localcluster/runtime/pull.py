"""Obtaining an image: there is no registry, so it is in the catalogue or it is not."""

import asyncio
from collections.abc import Callable
from typing import Final

from localcluster.images.catalogue import Catalogue
from localcluster.images.image import Image
from localcluster.runtime.backoff import INITIAL_S, BackOff
from localcluster.runtime.states import Waiting

_ERROR_SHOWN_S: Final = 1.0

# Type, reason and message of an Event about the container.
Event = Callable[[str, str, str], None]


class Puller:
    """Shows and tells what a kubelet does when it pulls, with its back-off."""

    def __init__(
        self, catalogue: Catalogue, compress: float, event: Event, show: Callable[[Waiting], None]
    ) -> None:
        self._catalogue = catalogue
        self._compress = compress
        self._backoff = BackOff(compress)
        self._event = event
        self._show = show

    async def obtain(self, reference: str, policy: str) -> Image:
        """Returns once the catalogue has it, which may be never."""
        while (image := self._catalogue.find(reference)) is None:
            if policy == "Never":
                await self._refuse(reference)
            else:
                await self._fail(reference)
        if policy == "Always":
            self._event("Normal", "Pulling", f'Pulling image "{reference}"')
            message = f'Successfully pulled image "{reference}" in 0s (0s including waiting)'
        else:
            message = f'Container image "{reference}" already present on machine'
        self._event("Normal", "Pulled", message)
        return image

    async def _refuse(self, reference: str) -> None:
        problem = f'Container image "{reference}" is not present with pull policy of Never'
        self._event("Warning", "ErrImageNeverPull", problem)
        self._event("Warning", "Failed", "Error: ErrImageNeverPull")
        self._show(Waiting(reason="ErrImageNeverPull", message=problem))
        await asyncio.sleep(INITIAL_S / self._compress)

    async def _fail(self, reference: str) -> None:
        self._event("Normal", "Pulling", f'Pulling image "{reference}"')
        problem = (
            f'failed to pull and unpack image "{reference}": not found: it is not in the'
            " image catalogue (localcluster --images)"
        )
        self._event("Warning", "Failed", f'Failed to pull image "{reference}": {problem}')
        self._event("Warning", "Failed", "Error: ErrImagePull")
        self._show(Waiting(reason="ErrImagePull", message=problem))
        now = asyncio.get_running_loop().time()
        self._backoff.started(now, now)
        delay = self._backoff.delay(now)
        shown = min(_ERROR_SHOWN_S, delay / 2)
        await asyncio.sleep(shown)
        self._event("Normal", "BackOff", f'Back-off pulling image "{reference}"')
        self._event("Warning", "Failed", "Error: ImagePullBackOff")
        message = f'Back-off pulling image "{reference}": ErrImagePull: {problem}'
        self._show(Waiting(reason="ImagePullBackOff", message=message))
        await asyncio.sleep(delay - shown)
