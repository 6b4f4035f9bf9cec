"""One pass over one service: look, plan, write, tell. The only caller of plan, delta and derive.

    view → parse → assess → plan → delta → execute → view → derive → at most one status write

An error that time may cure is raised, and the queue comes back; everything that a user should know
is in the status. Nothing is kept between two passes: they follow from the view alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from modelservice_operator.api import InvalidSpec, names, parse_service
from modelservice_operator.controller.delta import Change, delta
from modelservice_operator.controller.execute import Executor, NameConflict, Outcome, Rejected
from modelservice_operator.controller.store import Store
from modelservice_operator.desired import permission
from modelservice_operator.desired.child import Stage
from modelservice_operator.desired.plan import plan
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.sequence import order_of
from modelservice_operator.desired.situation import assess
from modelservice_operator.kube.errors import Conflict, NotFound, Terminating
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.kinds import MODEL_SERVICE
from modelservice_operator.metrics import Metrics
from modelservice_operator.observed.pods import timestamp
from modelservice_operator.status import pace
from modelservice_operator.status.derive import derive, invalid
from modelservice_operator.status.transitions import transitions
from modelservice_operator.status.trouble import Trouble
from modelservice_operator.view import Key, Manifest

log = logging.getLogger(__name__)

_KIND = {"apiVersion": names.API_VERSION, "kind": names.KIND_SERVICE}  # items of a list have none

# What we cannot watch (a foreign object that holds a name, a quota) is looked at again after this.
RECHECK = 10.0
# A version's name was another's, which the store knows now: the next pass takes the next number.
RENUMBER = 1.0


class Reconciler:
    """`await reconciler(key)` brings one service on; it returns when to come back, in seconds."""

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor,
        events: Events,
        metrics: Metrics,
        platform: Platform,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._executor = executor
        self._events = events
        self._metrics = metrics
        self._platform = platform
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        view = self._store.view(key)
        if view.service is None or view.service["metadata"].get("deletionTimestamp"):
            return None  # its children have an owner that is gone: the garbage collector takes them
        now = self._clock()
        try:
            service = parse_service({**_KIND, **view.service})
            permission.require(service.spec, platform=self._platform)
        except InvalidSpec as error:
            generation = int(view.service["metadata"]["generation"])
            previous = view.service.get("status", {})
            status = invalid(generation=generation, message=str(error), previous=previous, now=now)
            return await self._write_status(view.service, status=status, now=now)
        situation = assess(service, view=view, platform=self._platform, now=now)
        wanted = plan(situation, platform=self._platform, now=now)
        change = delta(
            wanted, live=view.children, namespace=key.namespace, surplus=situation.surplus
        )
        outcome = Outcome()
        if change:
            done = await self._execute(change, service=view.service, bereaved=view.bereaved)
            if done is None:
                return None
            outcome = done
            log.info(
                "children written",
                extra={
                    "key": key,
                    "generation": service.metadata.generation,
                    "applied": outcome.applied,
                    "deleted": outcome.deleted,
                },
            )
            if any(apply.manifest["kind"] == "ConfigMap" for apply in change.applies):
                # What pods told was before they could know of this: they are asked anew.
                self._store.follow(key, pods=())
            # The store has the answers: the status tells of what is there now, not of before.
            view = self._store.view(key)
            situation = assess(service, view=view, platform=self._platform, now=now)
        reload = situation.reload
        self._store.follow(
            key,
            pods=reload.asked if reload is not None else (),
            order=order_of(situation.live, aim=situation.aim) if reload is not None else None,
        )
        live = view.service
        if live is None or live["metadata"]["uid"] != service.metadata.uid:
            return None  # it went while its children were written
        if live["metadata"]["generation"] != service.metadata.generation:
            return 0.0  # it has another spec by now, of which nothing is known yet
        status = derive(
            situation,
            view=view,
            writes=_troubles(outcome, service=key.name),
            previous=live.get("status", {}),
            now=now,
        )
        held = await self._write_status(live, status=status, now=now)
        return _earliest(held, _next(change, outcome=outcome, wake_at=situation.wake_at, now=now))

    async def _execute(
        self, change: Change, *, service: Manifest, bereaved: bool
    ) -> Outcome | None:
        """Carry out a change; None where the service goes, which has (or had) an event of its own.

        Where that is late or lost, what the garbage collector takes must not be made again.
        """
        lives = partial(self._executor.lives, MODEL_SERVICE, obj=service)
        if bereaved and change.creates and not await lives():
            return None
        try:
            return await self._executor.execute(change)
        except Terminating:
            return None
        except NotFound:  # nothing can be made in a namespace that is gone
            if await lives():
                raise
            return None

    async def _write_status(
        self, service: Manifest, *, status: dict[str, Any], now: float
    ) -> float | None:
        """Write a status that differs, or return after how many seconds it is to be written."""
        before: Mapping[str, Any] = service.get("status", {})
        if status == before:
            return None
        written = timestamp(service.get("written"))
        held = pace.pause(before=before, after=status, written=written, now=now)
        if held > 0:
            return held
        try:
            await self._executor.apply_status(MODEL_SERVICE, obj=service, status=status)
        except NotFound:
            # Its deletion may be told late, or never: nothing more is to be made for it.
            self._store.release(service["metadata"]["uid"])
            return None
        except Conflict:
            return 0.0  # it changed meanwhile, and the store has it: another pass tells of that
        started = status.get("coldStart")
        if started is not None and started != before.get("coldStart"):
            self._metrics.cold_start(started)
        for event in transitions(before=before, after=status):
            self._events.emit(service, type=event.type, reason=event.reason, message=event.message)
        return None


def _next(change: Change, *, outcome: Outcome, wake_at: float | None, now: float) -> float | None:
    """Seconds after which the next pass has something to do, without any event."""
    if outcome.behind:
        return 0.0
    if not outcome.complete:
        return RENUMBER if outcome.taken else RECHECK
    if outcome.deleted or any(apply.stage == Stage.RECORD for apply in change.applies):
        # The next step waits for just this, and the store knows it already: the event that
        # follows our own write will say nothing new.
        return 0.0
    return None if wake_at is None else max(0.0, wake_at - now)


def _earliest(*delays: float | None) -> float | None:
    return min((delay for delay in delays if delay is not None), default=None)


def _troubles(outcome: Outcome, *, service: str) -> list[Trouble]:
    return [
        *(_name_taken(conflict, service=service) for conflict in outcome.conflicts),
        *(_refused(rejected) for rejected in outcome.rejected),
    ]


def _name_taken(conflict: NameConflict, *, service: str) -> Trouble:
    what = f"{conflict.kind} {conflict.name}"
    if conflict.owner == f"{names.KIND_SERVICE} {service}":
        return Trouble(
            "WaitingForDeletion",
            f"{what} of an earlier ModelService of this name is still being deleted.",
        )
    return Trouble(
        "NameConflict",
        f"{what} exists and belongs to {conflict.owner}. It was left alone. Delete or rename it, "
        "or give this ModelService another name.",
        heals=False,
    )


def _refused(rejected: Rejected) -> Trouble:
    return Trouble(
        "Refused",
        f"The API server refuses {rejected.kind} {rejected.name}: {rejected.message}",
        heals=rejected.heals,
    )
