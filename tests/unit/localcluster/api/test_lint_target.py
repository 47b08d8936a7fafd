"""`rundrill lint --kubeconfig` asks a cluster what it has: the API, over TLS, by real kubectl."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rundrill.cli import main

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {password: do-not-read}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, namespace: shop, labels: {app: shop}}
spec: {nodeName: local, containers: [{name: main, image: "p:v1"}]}
"""

RUNBOOK = """\
# Shop

## Problems

### Crash

```sh
kubectl get svc shop -n shop
kubectl get svc web -n shop
kubectl describe pod shop-1 -n shop
kubectl delete pod shop-2 -n shop
kubectl get pods -n shop -l app=shop
kubectl get pods -n shop -l app=web
kubectl get secret keys -n shop
kubectl get secret others -n shop
kubectl get pods -n nowhere
```
"""


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl")
@pytest.mark.parametrize("how", ["--kubeconfig", "--target"])
def test_what_the_cluster_does_not_have_is_told(
    how: str,
    served: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert KUBECTL is not None
    subprocess.run(
        [KUBECTL, f"--kubeconfig={served.kubeconfig}", "apply", "-f", "-"],
        input=OBJECTS,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    path = tmp_path / "runbook.md"
    path.write_text(RUNBOOK, encoding="utf-8")
    if how == "--target":
        monkeypatch.setenv("KUBECONFIG", str(served.kubeconfig))
    value = str(served.kubeconfig) if how == "--kubeconfig" else "c"
    assert main(["lint", str(path), how, value]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    told = [line for line in said.out.splitlines() if "[resource-missing]" in line]
    words = ("Service `web`", "pod `shop-2`", "`app=web`", "Secret `others`", "`nowhere`")
    assert len(told) == len(words)
    for line, word in zip(told, words, strict=True):
        assert word in line
    assert "do-not-read" not in said.out


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl")
def test_a_cluster_that_does_not_answer_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runbook.md"
    path.write_text(RUNBOOK, encoding="utf-8")
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u}]\n",
        encoding="utf-8",
    )
    assert main(["lint", str(path), "--kubeconfig", str(config)]) == 2
    assert "cannot be listed" in capsys.readouterr().err
    both = ["lint", str(path), "--kubeconfig", str(config), "--manifests", str(tmp_path)]
    assert main(both) == 2
