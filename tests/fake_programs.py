"""`docker` and `kind` that only note how they were called, and fail where a test wants it.

They keep the state that matters: which clusters and images there are.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = """\
#!{python}
import json, pathlib, shutil, sys

here = pathlib.Path(__file__).parent
name, words = pathlib.Path(__file__).name, sys.argv[1:]
said = " ".join(words)
context = pathlib.Path(words[-1]) if name == "docker" and words[0] == "build" else None
with (here / "calls.jsonl").open("a") as calls:
    told = {{"program": name, "words": words}}
    if context is not None:
        told["files"] = sorted(str(p.relative_to(context)) for p in context.rglob("*"))
        told["dockerfile"] = (context / "Dockerfile").read_text()
    calls.write(json.dumps(told) + "\\n")
for begin, message in json.loads((here / "failures.json").read_text()).items():
    if (name + " " + said).startswith(begin):
        sys.stderr.write(message)
        sys.exit(1)
clusters, images = here / "clusters", here / "images"
names = clusters.read_text().split()
if said == "get clusters":
    print("\\n".join(names))
elif said.startswith("create cluster"):
    clusters.write_text(" ".join([*names, words[words.index("--name") + 1]]))
    shutil.copy(here / "kubeconfig", words[words.index("--kubeconfig") + 1])
elif said.startswith("delete cluster"):
    clusters.write_text(" ".join(n for n in names if n != words[words.index("--name") + 1]))
elif said.startswith("image inspect"):
    there = json.loads(images.read_text())
    if words[-1] not in there:
        sys.exit("Error: No such image: " + words[-1])
    print(json.dumps(there[words[-1]]))
elif name == "docker" and words[0] == "build" and not (here / "elsewhere").exists():
    tag = words[words.index("--tag") + 1]
    images.write_text(json.dumps({{**json.loads(images.read_text()), tag: {{}}}}))
elif name == "docker" and words[0] == "run":
    print((here / "python.json").read_text())
"""


class FakePrograms:
    """A folder for PATH with both programs, or with those in `names`."""

    def __init__(self, folder: Path, names: tuple[str, ...] = ("docker", "kind")) -> None:
        self.folder = folder
        folder.mkdir()
        for name in names:
            path = folder / name
            path.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
            path.chmod(0o755)
        self.clusters()
        self.images({})
        self.failures({})
        self.python({"version": [3, 11, 2], "machine": "x86_64", "libc": ["glibc", "2.36"]})

    def clusters(self, *names: str) -> None:
        """Which kind clusters there are."""
        (self.folder / "clusters").write_text(" ".join(names), encoding="utf-8")

    def images(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Which images there are, with their labels."""
        (self.folder / "images").write_text(json.dumps(labels), encoding="utf-8")

    def builds_elsewhere(self) -> None:
        """From now on what is built is not among the images."""
        (self.folder / "elsewhere").touch()

    def failures(self, messages: Mapping[str, str]) -> None:
        """How a command line begins that fails (`kind load`), and what it says then."""
        (self.folder / "failures.json").write_text(json.dumps(messages), encoding="utf-8")

    def python(self, told: object) -> None:
        """What `python3` of a base image tells of itself."""
        (self.folder / "python.json").write_text(json.dumps(told), encoding="utf-8")

    def kubeconfig(self, path: Path) -> None:
        """What `kind create cluster` writes."""
        (self.folder / "kubeconfig").write_bytes(path.read_bytes())

    def calls(self) -> list[dict[str, object]]:
        """Every call so far: program, words; of a build its files and its Dockerfile."""
        path = self.folder / "calls.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def lines(self) -> list[str]:
        """The same as command lines."""
        return [f"{call['program']} {' '.join(call['words'])}" for call in self.calls()]  # type: ignore[arg-type]
