"""The official Python client forwards ports: one JSON object of what came back.

A program of its own, because the client leaves a thread and connections that end with its process.
"""

import json
import sys
import time

from kubernetes import client, config, stream


def main(kubeconfig: str, listening: int, closed: int) -> None:
    config.load_kube_config(kubeconfig)
    forward = client.CoreV1Api().connect_get_namespaced_pod_portforward

    def ask(line: bytes) -> tuple[bytes, object]:
        """One WebSocket for both ports: the open one's answer, and its error."""
        forwarded = stream.portforward(forward, "p", "production", ports=f"{listening},{closed}")
        connection = forwarded.socket(listening)
        connection.setblocking(True)
        connection.sendall(line)
        found = b""
        while more := connection.recv(65536):
            found += more
        while forwarded.connected and forwarded.error(closed) is None:
            time.sleep(0.01)  # noqa: TID251  a program of its own, with no clock of ours
        errors.append(forwarded.error(closed))
        return found, forwarded.error(listening)

    errors: list[object] = []
    answer, error = ask(b"hello\n")
    sent, _ = ask(b"send 2000000\n")
    told = {"answer": answer.decode(), "sent": len(sent), "no error": error, "error": errors[0]}
    json.dump(told, sys.stdout)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
