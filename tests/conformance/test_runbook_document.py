"""Every command in the runbook, read from the document, against the project's own deployment."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from background import Background, fetch_through
from conftest import local_cluster
from terminal import run_in_terminal
from transcript import MANIFESTS, Cluster

TOP = Path(__file__).parents[2]
RUNBOOK = TOP / "runbooks" / "payment-service" / "runbook.md"
DEPLOY = TOP / "deploy"
NAMESPACES = "production database"
_POD = r"payment-service-\w+-\w{5}"


def commands() -> list[str]:
    """In the order of the document; one that stands twice comes twice."""
    found = []
    for line in RUNBOOK.read_text().splitlines():
        if line.strip().startswith("kubectl "):
            found.append(line.strip())
        found += re.findall(r"`(kubectl [^`]+)`", line)
    return found


# What a command has to print, by how it begins; the first that fits.
EXPECTED = {
    "kubectl get pods -n production": rf"NAME .*\n{_POD} +1/1 +Running",
    "kubectl get pods -n database": r"postgresql-0 +1/1 +Running",
    "kubectl get svc": r"payment-service +ClusterIP",
    "kubectl get networkpolicies": r"NAME +POD-SELECTOR",
    "kubectl get deployment": r"payment-service +\d/\d",
    "kubectl get events": r"LAST SEEN.*(.|\n)*ScalingReplicaSet",
    "kubectl logs -n production": r"\S",
    "kubectl logs -f": r"\S",
    "kubectl rollout history": r"REVISION +CHANGE-CAUSE\n\d",
    "kubectl rollout undo": r"payment-service rolled back",
    "kubectl rollout status": r"successfully rolled out",
    "kubectl rollout restart": r"payment-service restarted",
    "kubectl describe pod ": rf"Name: +{_POD}(.|\n)*Limits:(.|\n)*Events:",
    "kubectl describe deployment": r"Name: +payment-service(.|\n)*Replicas: ",
    "kubectl delete pods": rf'pod "{_POD}" deleted',
    "kubectl scale": r"payment-service scaled",
    "kubectl edit": r"payment-service-config edited",
    "kubectl exec -it postgresql-0": r"\(1 row\)",
    "kubectl exec -it deployment/payment-service": r"curl: \(7\) Failed to connect",
    "kubectl port-forward": r"Forwarding from 127.0.0.1:\d+ -> \d+(.|\n)*HTTP 200",
}
# It asks a service mesh's proxy, "if using Istio"; this deployment has none, so curl is refused.
EXIT_CODES = {"kubectl exec -it deployment/payment-service": 7}


def exit_code(command: str) -> int:
    codes = [code for begin, code in EXIT_CODES.items() if command.startswith(begin)]
    return codes[0] if codes else 0


def expected(command: str) -> str:
    for begin, pattern in EXPECTED.items():
        if command.startswith(begin):
            return pattern
    raise AssertionError(f"the runbook has a command that nobody expects: {command}")


@pytest.fixture(scope="module")
def deployed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not cluster.is_ours:
        pytest.skip("the project's images are programs of the embedded cluster")
    scratch = tmp_path_factory.mktemp("deployed")
    for local in local_cluster(scratch, DEPLOY / "images.yaml", "--compress", "15"):
        local.kubectl(f"kubectl apply -k {DEPLOY / 'overlays' / 'local'}", check=True)
        for kind in ("statefulset/postgresql -n database", "deployment -n production"):
            local.kubectl(f"kubectl rollout status {kind} --timeout=90s", check=True)
        # An incident has a release before the present one.
        local.kubectl(
            "kubectl rollout restart deployment/payment-service -n production", check=True
        )
        _settle(local)
        yield local


def test_the_runbook_has_commands_and_each_is_expected_to_print_something() -> None:
    assert len(commands()) >= 20
    begins = {begin for begin in EXPECTED if any(c.startswith(begin) for c in commands())}
    assert begins == set(EXPECTED)
    for command in commands():
        expected(command)


@pytest.mark.e2e
def test_every_command_of_the_runbook_works_letter_by_letter(deployed: Cluster) -> None:
    local = deployed
    wrong = []
    for command in commands():
        code, said = _said(local, command)
        if code != exit_code(command) or not re.search(expected(command), said):
            wrong.append(f"{command}\nexit {code}\n{said}")
        if command.startswith(("kubectl delete", "kubectl scale", "kubectl rollout")):
            _settle(local)
    assert not wrong, "\n\n".join(wrong)


def _settle(local: Cluster) -> None:
    """A roll-out is complete while pods of the revision before are still ending."""
    local.kubectl("kubectl rollout status deployment/payment-service -n production", check=True)
    ending = local.kubectl(
        "kubectl get pods -n production -l app=payment-service"
        " -o jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}",
        check=True,
    )
    for pod in ending.stdout.split():
        local.kubectl(
            f"kubectl wait --for=delete pod/{pod} -n production --timeout=60s", check=True
        )


def _said(local: Cluster, command: str) -> tuple[int, str]:
    """Exit code and all that was printed."""
    if "<pod-name>" in command:
        names = local.kubectl(
            "kubectl get pods -n production -l app=payment-service -o name", check=True
        ).stdout.split()
        command = command.replace("<pod-name>", names[0].removeprefix("pod/"))
    if command.startswith("kubectl edit"):
        done = local.kubectl(command, editor="sed -i 's/^data:/data:\\n  TOUCHED: \"1\"/'")
        local.kubectl(
            "kubectl patch configmap payment-service-config -n production --type=json"
            ' -p \'[{"op":"remove","path":"/data/TOUCHED"}]\'',
            check=True,
        )
        return done.returncode, done.stdout + done.stderr
    if " -it " in command:
        return run_in_terminal(
            local.words(command), (), cwd=MANIFESTS, env=local.environment(), within_s=60
        )
    if command.startswith("kubectl logs -f"):
        running = Background(local.words(command), cwd=MANIFESTS, env=local.environment())
        try:
            running.wait_for(r"\S.*\n", 60)
        finally:
            _, stdout, stderr = running.interrupt()
        # It would go on for ever: that it had to be interrupted is how it is meant.
        return 0, stdout + stderr
    if command.startswith("kubectl port-forward"):
        if _is_taken(8080):
            command = command.replace(" 8080:", " :")
        running = Background(local.words(command), cwd=MANIFESTS, env=local.environment())
        try:
            got = fetch_through(running, "/metrics", 60)
        finally:
            code, stdout, stderr = running.interrupt()
        return max(code, 0), stdout + stderr + got
    done = local.kubectl(command)
    return done.returncode, done.stdout + done.stderr


def _is_taken(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
