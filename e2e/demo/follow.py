"""Following services until they are ready: a line a change, and what is known when they are not."""

import time
from collections.abc import Callable, Collection

from e2e.cluster.problem import Problem
from e2e.demo import story
from e2e.demo.ink import Ink
from e2e.demo.kinds import MODEL_SERVICE
from e2e.demo.kubectl import Kubectl, Manifest, Refused
from e2e.demo.release import NAMESPACE, RELEASE
from e2e.demo.story import End

TAIL = 15  # log lines of each container


def until_ready(
    kubectl: Kubectl,
    names: Collection[str],
    *,
    seconds: float,
    ink: Ink,
    tell: Callable[[str], None],
) -> dict[str, Manifest]:
    """The services by name once all are ready. Raises Problem with all there is to know."""
    begun = time.monotonic()
    width = max(map(len, names))
    told: dict[str, dict[str, str]] = {name: {} for name in names}
    done: dict[str, Manifest] = {}
    for objects in kubectl.states(MODEL_SERVICE, seconds=seconds):
        for name in names:
            service = objects.get(name)
            if service is None or done.get(name) == service:
                continue
            said = story.facts(service)
            for subject, text in said.items():
                if told[name].get(subject) != text:
                    clock = ink.dim(f"{time.monotonic() - begun:6.1f} s")
                    tell(f"  {clock}  {ink.bold(f'{name:<{width}}')}  {text}")
            told[name] = said
            match story.end(service):
                case End.READY:
                    done[name] = service
                case End.STALLED:
                    raise _failure(kubectl, name, what=f"{name} waits for a changed spec")
                case None:
                    done.pop(name, None)
        if len(done) == len(names):
            return done
    late = next(name for name in names if name not in done)
    raise _failure(kubectl, late, what=f"{late} is not ready after {seconds:.0f} s")


def _failure(kubectl: Kubectl, name: str, *, what: str) -> Problem:
    """A Problem whose details are the commands that a person would run now, and their answers."""
    ours = f"--selector=modelservice.io/name={name}"
    commands = [
        ("describe", MODEL_SERVICE.name, name),
        ("get", "jobs,deployments,pods,services", ours, "--output=wide"),
        ("get", "events", "--sort-by=.lastTimestamp"),
        ("logs", ours, "--all-containers", "--prefix", "--ignore-errors", f"--tail={TAIL}"),
    ]
    system = kubectl.of(NAMESPACE)
    asked = [(kubectl, words) for words in commands]
    asked += [
        (system, ("get", "pods")),
        (system, ("logs", f"deployment/{RELEASE}", "--all-pods", f"--tail={TAIL}")),
    ]
    details = "\n".join(_asked(client, words) for client, words in asked)
    return Problem(what, advice="the answers of kubectl below should say why", details=details)


def _asked(kubectl: Kubectl, words: tuple[str, ...]) -> str:
    try:
        answer = kubectl.run(*words)
    except Refused as refused:
        answer = str(refused)
    lines = [f"    {line}" for line in answer.splitlines()] or ["    nothing"]
    return "\n".join([f"\n  kubectl --namespace={kubectl.namespace} {' '.join(words)}", *lines])
