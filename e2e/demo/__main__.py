"""`python -m e2e.demo`: from a bare machine, or any cluster, to predictions over the wire."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from e2e.cluster.problem import Problem
from e2e.cluster.report import Step, note, step
from e2e.demo import bucket, checks, datasets, follow, release, surroundings
from e2e.demo.bucket import Bucket
from e2e.demo.datasets import Dataset
from e2e.demo.ink import Ink
from e2e.demo.kubectl import Kubectl, Manifest, Refused
from e2e.demo.surroundings import CHECKOUT, Surroundings

# What it runs; the converter's image is four times as large as the others.
IMAGES = ("operator", "agent", "trainer", "triton")


def main(words: list[str]) -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument("--namespace", default="default", help="where the services go (default)")
    parser.add_argument(
        "--timeout", type=float, default=900.0, help="seconds till both are ready (900)"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        default=bool(os.environ.get("FRESH")),  # make demo FRESH=1
        help="train anew what was trained before",
    )
    arguments = parser.parse_args(words)
    clock, ink = Step("the whole demo"), Ink.of()
    try:
        passed = demo(
            namespace=arguments.namespace,
            timeout=arguments.timeout,
            fresh=arguments.fresh,
            ink=ink,
        )
    except (Problem, Refused) as problem:
        note(f"demo: {problem}")
        return 1
    except KeyboardInterrupt:
        note("\ndemo: interrupted; run it again to go on from here")
        return 130
    note(clock.line())
    return 0 if passed else 1


def demo(*, namespace: str, timeout: float, fresh: bool, ink: Ink) -> bool:
    """All of it; whether the services answered as they should. Raises Problem, Refused."""
    _cluster()
    around = surroundings.find(namespace=namespace)
    kubectl, store = around.kubectl, Bucket(around.storage)
    references = release.images(*(IMAGES if around.embedded is not None else ()))
    with step("chart"):
        release.install(around, references=references)
    with step("data"):
        uploaded = _prepare(around, store=store)
    if fresh:
        with step("forgetting what was trained"):
            datasets.forget(kubectl, list(uploaded), store=store)
    services = _follow(kubectl, names=list(uploaded), timeout=timeout, ink=ink)
    verdicts = {
        "digits": checks.digits(kubectl, services["digits"], parts=uploaded["digits"].parts),
        "linear": checks.line(
            kubectl, services["linear"], parts=uploaded["linear"].parts, bucket=store
        ),
    }
    for name, verdict in verdicts.items():
        mark = ink.good("passed") if verdict.passed else ink.bad("FAILED")
        tell(f"\n{ink.bold(name)}  {mark}")
        for line in verdict.lines:
            tell(f"  {line}".rstrip())
        if uploaded[name].digest not in datasets.trained_on(kubectl, name):
            tell("  It was trained on an older dataset. To train anew: make demo FRESH=1")
    tell("\n" + kubectl.run("get", "modelservices").rstrip())
    tell(_next(around, ink=ink))
    return all(verdict.passed for verdict in verdicts.values())


def tell(text: str) -> None:
    """A line of the answer: to stdout, where steps and problems are not."""
    print(text, flush=True)


def _cluster() -> None:
    """The embedded cluster up, unless KUBECONFIG names another one. Raises Problem."""
    command = [sys.executable, "-m", "e2e.cluster", "up"]
    if subprocess.run(command, check=False, cwd=CHECKOUT).returncode:
        raise Problem("there is no cluster", advice="put right what is said above")


def _prepare(around: Surroundings, *, store: Bucket) -> dict[str, Dataset]:
    """Buckets with the datasets, and a namespace with the Secret that opens them."""
    store.ensure(bucket.DATA, bucket.MODELS)
    name = {"name": around.kubectl.namespace}
    around.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": name})
    around.kubectl.apply(bucket.secret(around.storage))
    return datasets.upload(store)


def _follow(
    kubectl: Kubectl, *, names: Sequence[str], timeout: float, ink: Ink
) -> dict[str, Manifest]:
    files = [f"examples/{name}.yaml" for name in names]
    kubectl.run("apply", "--server-side", *(f"--filename={CHECKOUT / file}" for file in files))
    tell(f"\n{ink.bold('kubectl apply')} {' '.join(files)}")
    return follow.until_ready(kubectl, names, seconds=timeout, ink=ink, tell=tell)


def _next(around: Surroundings, *, ink: Ink) -> str:
    seed = '[{"op": "add", "path": "/spec/models/0/training/seed", "value": 1}]'
    tries = [
        ("kubectl describe msvc digits", "conditions, training, tensors, events"),
        ("kubectl get mver", "the registered versions"),
        ("kubectl scale msvc digits --replicas=2", "another pod"),
        (f"kubectl patch msvc digits --type=json -p '{seed}'", "train version 2 while 1 serves"),
        ("kubectl get msvc --watch", "see it take over"),
        (
            "kubectl delete msvc linear",
            "versions and files stay: apply it again, it serves at once",
        ),
    ]
    if around.embedded is not None:
        tries.append(("make images", "the one that is missing: it converts Keras and TensorFlow"))
        tries.append(("make cluster-down", "remove the cluster; the tools' cache stays"))
    lines = [f"\n{ink.bold('Next')}"]
    if around.embedded is not None:
        lines += [
            f"  export KUBECONFIG={around.kubectl.kubeconfig}",
            f"  export PATH={around.kubectl.program.parent}:$PATH",
        ]
    if around.kubectl.namespace != "default":
        lines.append(
            f"  kubectl config set-context --current --namespace={around.kubectl.namespace}"
        )
    for command, what in tries:
        lines += [f"  {command}", f"      {ink.dim(what)}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
