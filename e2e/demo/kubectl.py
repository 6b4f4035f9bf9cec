"""kubectl as a library: what a user would type, and watching until something is so.

All of the demo's and the suite's reads and writes go through the real kubectl, so that any
kubeconfig works (tokens, exec plugins, proxies) and each step can be repeated by hand.
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from e2e.demo.kinds import Kind

Manifest = dict[str, Any]
Objects = Mapping[str, Manifest]  # by name

PAUSE = 0.5  # seconds before an API server that does not answer is asked again
LOOK = 60.0  # seconds after which a watch is begun anew


class Refused(Exception):  # noqa: N818 - an answer of the API server, not a fault of this program
    """kubectl ended with an error; the text is what it said."""

    @property
    def not_found(self) -> bool:
        return "(NotFound)" in str(self)


class NotInTime(Exception):  # noqa: N818
    """What was waited for did not come about; the text says what was there instead."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster and one namespace."""

    program: Path
    kubeconfig: str
    namespace: str

    def of(self, namespace: str) -> Self:
        """The same for another namespace."""
        return replace(self, namespace=namespace)

    def command(self, *words: str) -> list[str]:
        """The whole command line."""
        return [str(self.program), f"--namespace={self.namespace}", *words]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": self.kubeconfig}

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """What `kubectl …` prints. Raises Refused with its error text."""
        done = subprocess.run(
            self.command(*words),
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.environment,
        )
        if done.returncode:
            raise Refused(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *manifests: Manifest, force: bool = False) -> str:
        """Server-side apply into this namespace; `force` takes fields over from others."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        forced = ["--force-conflicts"] if force else []
        return self.run(
            "apply", "--server-side", *forced, "--filename=-", stdin=json.dumps(document)
        )

    def get(self, kind: Kind, name: str) -> Manifest | None:
        """One object; None where there is none."""
        try:
            # As a list shows it, so that both can be compared.
            words = ("get", kind.name, name, "--output=json", "--show-managed-fields")
            found: Manifest = json.loads(self.run(*words))
        except Refused as refused:
            if refused.not_found:
                return None
            raise
        return found

    def list(self, kind: Kind, *, selector: str = "") -> list[Manifest]:
        """Objects of a kind, by label."""
        return list(self._listed(kind, query=_query(selector=selector))[0].values())

    def patch(self, kind: Kind, name: str, *, merge: Manifest) -> None:
        """A JSON merge patch."""
        self.run("patch", kind.name, name, "--type=merge", f"--patch={json.dumps(merge)}")

    def delete(self, kind: Kind, name: str, *, wait: bool = False) -> None:
        """Delete an object if it is there; `wait` until it is gone."""
        self.run("delete", kind.name, name, "--ignore-not-found", f"--wait={str(wait).lower()}")

    def states(
        self, kind: Kind, *, seconds: float, selector: str = "", name: str = ""
    ) -> Iterator[Objects]:
        """The objects that match, now and after each change, for `seconds`.

        List and watch join without a gap. An API server that is away is waited for.
        """
        deadline = time.monotonic() + seconds
        query = _query(selector=selector, name=name)
        while time.monotonic() < deadline:
            try:
                objects, version = self._listed(kind, query=query)
            except (Refused, subprocess.TimeoutExpired):
                time.sleep(PAUSE)
                continue
            yield objects
            until = min(deadline, time.monotonic() + LOOK)
            for event in self._events(kind, query=query, version=version, until=until):
                if event["type"] == "ERROR":
                    break
                changed = event["object"]
                rest = {key: item for key, item in objects.items() if key != _name(changed)}
                gone = event["type"] == "DELETED"
                objects = rest if gone else rest | {_name(changed): changed}
                yield objects

    def wait(
        self, kind: Kind, name: str, until: Callable[[Manifest], bool], *, seconds: float = 120.0
    ) -> Manifest:
        """The object once it is there and `until` holds. Raises NotInTime."""
        last: Manifest | None = None
        for objects in self.states(kind, seconds=seconds, name=name):
            last = objects.get(name)
            if last is not None and until(last):
                return last
        raise NotInTime(f"{kind.plural}/{name} after {seconds:.0f} s: {_told(last)}")

    def wait_all(
        self,
        kind: Kind,
        until: Callable[[Objects], bool],
        *,
        selector: str = "",
        seconds: float = 120.0,
    ) -> Objects:
        """All objects that match `selector` once `until` holds of them together."""
        last: Objects = {}
        for last in self.states(kind, seconds=seconds, selector=selector):
            if until(last):
                return last
        told = "; ".join(f"{name}: {_told(item)}" for name, item in last.items()) or "none"
        raise NotInTime(f"{kind.plural} with {selector!r} after {seconds:.0f} s: {told}")

    def wait_gone(self, kind: Kind, name: str, *, seconds: float = 120.0) -> None:
        """Return when there is no such object. Raises NotInTime."""
        for objects in self.states(kind, seconds=seconds, name=name):
            if name not in objects:
                return
        raise NotInTime(f"{kind.plural}/{name} is still there after {seconds:.0f} s")

    def _listed(self, kind: Kind, *, query: Mapping[str, str]) -> tuple[Objects, str]:
        path = kind.path(namespace=self.namespace, query=urlencode(query))
        found = json.loads(self.run("get", "--raw", path))
        head = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return {_name(item): head | item for item in found["items"]}, found["metadata"][
            "resourceVersion"
        ]

    def _events(
        self, kind: Kind, *, query: Mapping[str, str], version: str, until: float
    ) -> Iterator[Manifest]:
        following = {"watch": "1", "resourceVersion": version}
        path = kind.path(namespace=self.namespace, query=urlencode({**query, **following}))
        for line in self._lines("get", "--raw", path, until=until):
            event: Manifest = json.loads(line)
            yield event

    def _lines(self, *words: str, until: float) -> Iterator[bytes]:
        """The lines that a kubectl prints till it ends or time is up."""
        with (
            self.running(*words, stdout=subprocess.PIPE) as process,
            selectors.DefaultSelector() as selector,
        ):
            assert process.stdout is not None
            pipe = process.stdout.fileno()
            selector.register(pipe, selectors.EVENT_READ)
            buffer = b""
            while selector.select(max(0.0, until - time.monotonic())):
                chunk = os.read(pipe, 1 << 16)
                if not chunk:
                    return
                *lines, buffer = (buffer + chunk).split(b"\n")
                yield from lines

    @contextmanager
    def running(self, *words: str, stdout: int) -> Iterator["subprocess.Popen[bytes]"]:
        """A kubectl that runs for the length of a `with` (a watch, a port-forward)."""
        process = subprocess.Popen(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def condition(found: Manifest, kind: str) -> Manifest:
    """One condition of an object's status; empty where it has none."""
    for item in found.get("status", {}).get("conditions", ()):
        if item["type"] == kind:
            return dict(item)
    return {}


def _query(*, selector: str = "", name: str = "") -> dict[str, str]:
    query = {"labelSelector": selector} if selector else {}
    return query | ({"fieldSelector": f"metadata.name={name}"} if name else {})


def _name(found: Manifest) -> str:
    return str(found["metadata"]["name"])


def _told(found: Manifest | None) -> str:
    """What a failed wait says of an object."""
    if found is None:
        return "not there"
    status = found.get("status", {})
    told = [
        f"{item['type']}={item['status']} ({item.get('reason', '')}: {item.get('message', '')})"
        for item in status.get("conditions", ())
    ]
    return "; ".join(told) or json.dumps(status)[:500]
