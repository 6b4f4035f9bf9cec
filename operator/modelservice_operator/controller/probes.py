"""The pods that tell over HTTP how far they are, and what they told last.

Programs (trainings, conversions and checks) are asked for as long as they run; serving pods while
the reconcile of their service wants to know, which is while they reload their models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from modelservice_operator.api import names
from modelservice_operator.desired.sequence import Order
from modelservice_operator.observed.pods import works
from modelservice_operator.view import Key

Manifest = dict[str, Any]

PROGRAMS: Final = frozenset(
    {names.COMPONENT_TRAINING, names.COMPONENT_CONVERSION, names.COMPONENT_CHECK}
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A pod to ask."""

    uid: str
    address: str
    key: Key
    serving: bool = False


class Probes:
    """Pods by uid."""

    def __init__(self) -> None:
        self._programs: dict[str, Probe] = {}
        self._followed: dict[Key, frozenset[str]] = {}
        self._heard: dict[Key, set[str]] = {}  # those, and who was followed before in this reload
        self._orders: dict[Key, Order] = {}
        self._addresses: dict[str, str] = {}  # of serving pods
        self._told: dict[str, Manifest] = {}

    def seen(self, pod: Manifest, *, uid: str, key: Key) -> None:
        """A pod as it is now."""
        status = pod.get("status") or {}
        component = pod["metadata"]["labels"].get(names.LABEL_COMPONENT)
        address = status.get("podIP") if status.get("phase") == "Running" else None
        if component in PROGRAMS:
            address = status.get("podIP") if works(pod) else None
            if address:
                self._programs[uid] = Probe(uid, address, key)
            else:
                # what it told last stays readable until the pod is gone
                self._programs.pop(uid, None)
        elif address:
            self._addresses[uid] = address

    def gone(self, uid: str) -> None:
        """A pod is no more."""
        for known in (self._programs, self._addresses, self._told):
            known.pop(uid, None)

    def follow(self, key: Key, *, pods: Iterable[str], order: Order | None = None) -> None:
        """Ask these serving pods of a service, by uid, and no others of its; and tell them the
        order, where there is one."""
        wanted = frozenset(pods)
        self._orders.pop(key, None)
        if not wanted:
            self._followed.pop(key, None)
            for uid in self._heard.pop(key, ()):
                self._told.pop(uid, None)  # of a reload that is over
            return
        # NB: who is not asked any more has told that it is done, which stays true till all are.
        self._followed[key] = wanted
        self._heard.setdefault(key, set()).update(wanted)
        if order is not None:
            self._orders[key] = order

    def forget(self, key: Key) -> None:
        """A service is no more."""
        self.follow(key, pods=())

    def all(self) -> Iterator[Probe]:
        """The pods to ask now."""
        yield from self._programs.values()
        for key, uids in self._followed.items():
            for uid in sorted(uids & self._addresses.keys()):
                yield Probe(uid, self._addresses[uid], key, serving=True)

    def untold(self) -> Iterator[tuple[Probe, Order]]:
        """The pods that have not said that they know of their order."""
        for probe in self.all():
            order = self._orders.get(probe.key) if probe.serving else None
            if order is not None and _known(self._told.get(probe.uid, {})) != order.revision:
                yield probe, order

    def put(self, uid: str, told: Manifest, *, key: Key) -> bool:
        """Take in what a pod told; whether that is news of somebody who is asked."""
        asked = uid in self._programs or uid in self._followed.get(key, ())
        if not asked or self._told.get(uid) == told:
            return False
        self._told[uid] = told
        return True

    def told(self, uid: str) -> Manifest | None:
        """What a pod told last."""
        return self._told.get(uid)


def _known(told: Manifest) -> str | None:
    """The revision that a pod has last heard of: what it changes to, or else has."""
    return told.get("change", {}).get("revision") or told.get("revision")
