"""Mount paths in a text, replaced by the folders they stand for. Pure.

Pods have no mount namespace here, so `/etc/app` of a container is a folder of the pod. Wherever
its environment or command line names the mount path, it gets that folder's real path.
"""

import re
from collections.abc import Mapping
from pathlib import Path


def relocate(text: str, mounts: Mapping[str, Path]) -> str:
    """`--config=/etc/app/a.yaml` to `--config=<folder>/a.yaml` when /etc/app is mounted."""
    if "/" not in text or not mounts:
        return text
    longest_first = sorted(mounts, key=len, reverse=True)
    pattern = "|".join(re.escape(path) for path in longest_first)
    return re.sub(
        rf"(?<![\w./-])(?:{pattern})(?![\w.-])", lambda match: str(mounts[match[0]]), text
    )
