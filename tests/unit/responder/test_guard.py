import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.model import BlastRadius
from rundrill.responder.guard import Admitted, Refused, admit, split

RADIUS = BlastRadius(
    namespaces=("production", "database"),
    verbs=(
        "get", "describe", "logs", "exec", "port-forward", "top", "version", "config", "label",
        "delete", "apply", "edit", "scale", "create", "patch", "cordon", "drain", "wait", "events",
        "rollout history", "rollout undo", "rollout status", "attach",
    ),
)  # fmt: skip
VALUES = {"<pod-name>": "payment-1", "$NS": "production", "{{ q }}": "a b; rm -rf /"}


def verdict(text: str, radius: BlastRadius = RADIUS) -> Admitted | Refused:
    return admit(text, VALUES, radius)


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("kubectl get pods -n production", "kubectl get pods -n production"),
        ("kubectl -n production get pods", "kubectl -n production get pods"),
        ("kubectl describe pod <pod-name> -n $NS", "kubectl describe pod payment-1 -n production"),
        ("kubectl describe pod '<pod-name>' -n \"$NS\"",
         "kubectl describe pod payment-1 -n production"),
        ("kubectl rollout undo deployment/a -n production", None),
        ("kubectl rollout status deployment/a -n production", None),
        ("kubectl delete pods -n production -l app=a", None),
        ("kubectl delete pod namespace -n production", None),
        ("kubectl get networkpolicies --namespace production", None),
        ("kubectl get svc --namespace=database", None),
        ("kubectl get nodes", None),
        ("kubectl get nodes,pv", None),
        ("kubectl top nodes", None),
        ("kubectl get pods -A", None),
        ("kubectl version --client", None),
        ("kubectl config view", None),
        ("kubectl get pods -n production -o jsonpath={.items}", None),
        ("kubectl logs a#b -n production", None),
        ("kubectl apply -f x -n production --dry-run=server", None),
        ("kubectl wait --for=condition=Ready pod/a -n production", None),
    ],
)  # fmt: skip
def test_what_is_admitted(text: str, argv: str | None) -> None:
    read = verdict(text)
    assert isinstance(read, Admitted), read
    assert read.argv == tuple((argv or text).split())
    assert not read.endless


def test_quoted_words_stay_one_word() -> None:
    text = "kubectl get events -n production --sort-by='.lastTimestamp' -l 'a in (b, c)'"
    read = verdict(text)
    assert isinstance(read, Admitted)
    assert read.argv[-3:] == ("--sort-by=.lastTimestamp", "-l", "a in (b, c)")


def test_a_value_stays_one_word_whatever_it_holds() -> None:
    read = verdict("kubectl exec p -n production -- psql -c {{ q }}")
    assert isinstance(read, Admitted)
    assert read.argv[-2:] == ("-c", "a b; rm -rf /")


def test_a_value_is_judged_like_the_text() -> None:
    read = admit("kubectl get pods -n $NS", {"$NS": "kube-system"}, RADIUS)
    assert isinstance(read, Refused)
    assert "`kube-system` is not in the blast radius" in read.why


@pytest.mark.parametrize(
    "text",
    [
        "kubectl logs -f deployment/a -n production",
        "kubectl logs --follow a -n production",
        "kubectl get pods -w -n production",
        "kubectl get pods --watch-only -n production",
        "kubectl events --watch -n production",
        "kubectl port-forward svc/a 8080:8080 -n production",
    ],
)
def test_commands_that_never_end_are_known(text: str) -> None:
    read = verdict(text)
    assert isinstance(read, Admitted)
    assert read.endless


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubectl get pods | wc -l", "a pipe needs a shell"),
        ("kubectl get pods > out", "a redirection"),
        ("kubectl apply -f - < in", "a redirection"),
        ("kubectl get pods; ls", "`;`"),
        ("kubectl get pods && ls", "`&`"),
        ("kubectl get pods &", "`&`"),
        ("kubectl get pods\nls", "a second line"),
        ("(kubectl get pods)", "a subshell"),
        ("kubectl get pod $(cat name)", "a substitution"),
        ("kubectl get pod `cat name`", "a command substitution"),
        ('kubectl get pod "$(cat name)"', "a substitution"),
        ('kubectl get pod "`cat name`"', "a substitution"),
        ("kubectl get pod $1", "a substitution"),
        ("kubectl get pod $?", "a substitution"),
        ("kubectl get pod $'a'", "a substitution"),
        ('kubectl get pod "\\$NS"', "an escaped sign"),
        ("kubectl get \\\npods", "a continued line"),
        ("kubectl delete pod a*", "a glob"),
        ("kubectl delete pod a?", "a glob"),
        ("kubectl delete pod [ab]", "a glob"),
        ("kubectl apply -f ~/x", "`~`"),
        ("kubectl get pod {a,b}", "a list in braces"),
        ("kubectl get pod {1..3}", "a list in braces"),
        ("kubectl get pods # all", "a comment"),
        ("kubectl get pod 'a", "a quotation is not closed"),
        ("kubectl get pod \\", "a quotation is not closed"),
        ("kubectl get pod $NAME", "nothing is bound to $NAME"),
        ("kubectl get pod <name>", "nothing is bound to <name>"),
        ("", "only kubectl is run, not nothing"),
        ("helm list", "only kubectl is run, not `helm`"),
        ("/bin/kubectl get pods", "only kubectl is run"),
        ("A=b kubectl get pods", "variables set before it"),
        ("kubectl edit configmap a -n production", "a person at an editor"),
        ("kubectl attach a -n production", "a person at a terminal"),
    ],
)
def test_what_cannot_be_run_as_written(text: str, why: str) -> None:
    read = verdict(text)
    assert isinstance(read, Refused)
    assert why in read.why
    assert not read.outside


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubectl", "names no verb"),
        ("kubectl set image deployment/a a=b -n production", "`set image` is not in the blast"),
        ("kubectl rollout restart deployment/a -n production", "`rollout restart` is not"),
        ("kubectl rollout -n production", "the verb `rollout` is not"),
        ("kubectl get pods -n kube-system", "`kube-system` is not in the blast radius"),
        ("kubectl get pods -nkube-system", "`kube-system`"),
        ("kubectl get pods --namespace=kube-system", "`kube-system`"),
        ("kubectl get pods -n production -n kube-system", "`kube-system`"),
        ("kubectl get pods", "it names no namespace, and `default` is not"),
        ("kubectl get pods,nodes", "it names no namespace"),
        ("kubectl logs", "it names no namespace"),
        ("kubectl top pods", "it names no namespace"),
        ("kubectl exec a -- kill 1", "it names no namespace"),
        ("kubectl delete namespace production", "`namespace` belongs to no namespace"),
        ("kubectl delete ns/production -n production", "`ns` belongs to no namespace"),
        ("kubectl delete pods,ns production -n production", "`ns`"),
        ("kubectl delete nodes.v1. a -n production", "`nodes`"),
        ("kubectl label pod/a node/b x=y -n production", "`node`"),
        ("kubectl create namespace x -n production", "`namespace`"),
        ("kubectl patch pv a -p {} -n production", "`pv`"),
        ("kubectl delete pods -A -l app=a", "all namespaces"),
        ("kubectl delete pods --all-namespaces -l app=a", "all namespaces"),
        ("kubectl delete pods --all -n production", "`--all`"),
        ("kubectl cordon a", "acts on nodes"),
        ("kubectl drain a -n production", "acts on nodes"),
        ("kubectl config use-context x", "change the kubeconfig"),
        ("kubectl apply -f x -n production", "what the file holds"),
        ("kubectl delete --filename=x -n production", "what the file holds"),
        ("kubectl apply -k x -n production", "what the file holds"),
        ("kubectl get --raw /api -n production", "`--raw` is not allowed"),
        ("kubectl get pods --kubeconfig x -n production", "another cluster"),
        ("kubectl get pods --context=x -n production", "another cluster"),
        ("kubectl get pods --cluster x -n production", "another cluster"),
        ("kubectl get pods --server=http://x -n production", "another cluster"),
        ("kubectl get pods -s http://x -n production", "another cluster"),
        ("kubectl get pods --token x -n production", "somebody else"),
        ("kubectl get pods --as admin -n production", "somebody else"),
        ("kubectl get pods --as-group=admins -n production", "somebody else"),
        ("kubectl get pods --user x -n production", "somebody else"),
        ("kubectl get pods --kuberc x -n production", "cannot be compared"),
    ],
)
def test_what_is_outside_the_blast_radius(text: str, why: str) -> None:
    read = verdict(text)
    assert isinstance(read, Refused), read
    assert why in read.why
    assert read.outside


def test_the_default_namespace_may_be_allowed() -> None:
    radius = BlastRadius(namespaces=("default",), verbs=("get",))
    assert isinstance(verdict("kubectl get pods", radius), Admitted)


def test_an_empty_blast_radius_refuses_everything() -> None:
    nothing = BlastRadius(namespaces=(), verbs=())
    read = verdict("kubectl get pods -n production", nothing)
    assert isinstance(read, Refused)
    assert read.why.endswith("(allowed: none)")
    no_namespace = BlastRadius(namespaces=(), verbs=("get",))
    read = verdict("kubectl get pods -n production", no_namespace)
    assert isinstance(read, Refused)
    assert read.why.endswith("(allowed: none)")


@given(st.text(alphabet="abk $'\"\\`(){}[]<>|&;*?~#-=./,\n\t1", max_size=20))
def test_what_is_split_is_split_as_a_shell_splits_it(text: str) -> None:
    words = split(text, {})
    if isinstance(words, Refused) or not words:
        return
    shell = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {text}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
        cwd="/proc/self/fdinfo",
    )
    assert tuple(shell.stdout.split("\0")[:-1]) == words


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert isinstance(verdict(text), Admitted | Refused)
    assert isinstance(verdict(f"kubectl {text}"), Admitted | Refused)


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        ("kubectl cp vault/web-1:/etc/passwd /tmp/x -n production", "vault"),
        ("kubectl cp /tmp/x vault/web-1:/tmp/x", "vault"),
        ("kubectl cp web-1:/tmp/x /tmp/x", "default"),
        ("kubectl cp production/web-1:/tmp/x /tmp/x -n vault", "vault"),
    ],
)
def test_a_copy_stays_in_the_namespaces_too(text: str, namespace: str) -> None:
    radius = BlastRadius(namespaces=("production",), verbs=("cp",))
    read = admit(text, {}, radius)
    assert isinstance(read, Refused)
    assert read.outside
    assert f"`{namespace}`" in read.why


def test_a_copy_within_the_blast_radius_is_admitted() -> None:
    radius = BlastRadius(namespaces=("production",), verbs=("cp",))
    assert isinstance(admit("kubectl cp production/web-1:/a /tmp/a", {}, radius), Admitted)
