"""The watch engine: kopf, for watching only.

kopf opens a stream for each kind, and again when it ends; what comes in it is handed to the
observer where it comes in (`tap`). No kopf handler, timer, index or patch (docs/decisions and the
module `observer` say why). A run lasts until something goes wrong that kopf does not get over;
`supervise` starts the next one. One runs in a process at a time.

kopf lists before it watches. Its lists are made empty: they only give the version to watch from,
and then the sweeper lists that kind (docs/decisions/0006-one-list.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import kopf
from kopf._cogs.aiokits import aiotasks
from kopf._core.engines.peering import Identity  # of spawn_tasks; kopf does not export them
from prometheus_client import Counter
from yarl import URL

from modelservice_operator.api import names
from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.tap import Event, Tap
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.discovery import missing
from modelservice_operator.kube.errors import NotFound
from modelservice_operator.kube.kinds import WATCHED, Kind
from modelservice_operator.metrics import Metrics

# Between attempts of one request; about half a minute in all. A constant short pause, so that an
# API server that comes back is noticed within a second.
RETRIES: Final = (1.0,) * 30
CONNECT: Final = 5.0

# No object has this name.
_NOTHING: Final = "metadata.name=."
_KOPF: Final = str(Path(kopf.__file__).parent)


class Watch:
    """Watches all kinds of the operator, in all namespaces."""

    def __init__(
        self,
        *,
        client: Client,
        observer: Observer,
        metrics: Metrics,
        listed: Callable[[Kind], None],
        started: Callable[[], None],
        kinds: Iterable[Kind] = WATCHED,
    ) -> None:
        """`listed` is called when the watch of a kind begins (again): what was before it is not
        reported. `started` is called when kopf has set its signal handlers."""
        self._client = client
        self._observer = observer
        self._metrics = metrics
        self._listed = listed
        self._started = started
        self._kinds = tuple(kinds)
        base = URL(client.server).path.rstrip("/")
        self._collections = {base + kind.collection(): kind for kind in self._kinds}
        # What it says of each attempt of each stream is told once, by the supervisor.
        logging.getLogger("kopf._cogs.clients").setLevel(logging.CRITICAL)

    async def run(self) -> None:
        """One run of kopf; raises what ended it, or NotFound where a kind is not served."""
        absent = await missing(self._client, self._kinds)
        if absent:
            told = ", ".join(f"{kind.plural}.{kind.group}" for kind in absent)
            raise NotFound(f"the API server does not serve {told}", kind="")
        self._metrics.watch_starts.inc()
        # NB: not kopf.operator(), which at its end cancels every task of the process that is
        # younger than its own start: reconciles in flight, the lease, this supervisor's peers.
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=self._settings(),
            clusterwide=True,
            # kopf would make one up from the user's name, which a container's uid does not have
            identity=Identity(names.MANAGER),
        )
        self._started()
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)
        for task in done:
            task.result()

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(id="login", registry=registry)(self._login())
        for kind in self._kinds:
            # kopf watches what has a handler.
            kopf.on.event(kind.group, kind.version, kind.plural, id=kind.plural, registry=registry)(
                _untapped
            )
        return registry

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        # Else kopf kills the process ten minutes after the end of a run.
        settings.process.ultimate_exiting_timeout = None
        settings.posting.enabled = False
        settings.peering.standalone = True
        settings.scanning.disabled = True
        settings.networking.error_backoffs = RETRIES
        settings.networking.connect_timeout = CONNECT
        settings.watching.server_timeout = 300
        settings.watching.chunk_size = 500
        for kind in self._kinds:
            if kind.selector is not None:
                # NB: by group, version and name; the short form silently selects everything where
                # a group has several dots.
                selectors = settings.watching.label_selectors
                selectors[kind.group, kind.version, kind.plural] = kind.selector
        return settings

    def _login(self) -> Callable[..., Awaitable[kopf.AiohttpSession | None]]:
        used = False

        async def login(**_: Any) -> kopf.AiohttpSession | None:
            # Tokens are renewed with each request, so a second login cannot do better than the
            # first; no answer ends the run instead of trying as fast as it can.
            nonlocal used
            if used:
                return None
            used = True
            return kopf.AiohttpSession(
                server=self._client.server,
                aiohttp_session=self._client.open_session(self._between),
            )

        return login

    async def _between(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Stands between kopf and the API server: empties lists, taps watches."""
        kind = self._collections.get(request.url.path)
        if kind is None:
            return await handler(request)
        if "watch" not in request.url.query:
            request.url = request.url.update_query(fieldSelector=_NOTHING)
        response = await handler(request)
        if response.status != HTTPStatus.OK:
            return response
        if "watch" in request.url.query:
            taken = partial(self._take, kind.kind, self._metrics.events.labels(kind.kind))
            response.content = Tap(response.content, take=taken)  # type: ignore[assignment]
        else:
            self._listed(kind)
        return response

    def _take(self, kind: str, events: Counter, event: Event) -> None:
        events.inc()
        obj = event["object"]
        if event["type"] == "DELETED":
            metadata = obj["metadata"]
            version = metadata["resourceVersion"]
            self._observer.gone(kind, uid=metadata["uid"], version=version)
        else:
            self._observer.seen(kind, obj)


async def _untapped(resource: kopf.Resource, **_: Any) -> None:
    raise RuntimeError(f"kopf saw an event of {resource}, which the tap should have taken")


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel what a run consists of and wait until it is over, with its connections."""
    # The streams of the other kinds outlive the one that failed, and nobody has a handle on them.
    # They go first: connections are closed by the last of `tasks`.
    await _cancel({task for task in asyncio.all_tasks() if _is_stream(task)} - set(tasks))
    await _cancel(tasks)
    # NB: helpers go last. A stream takes the end of one for a pause: it would swallow its own
    # cancellation and go on. Normally it ends them itself; one that was between two events forgets.
    await _cancel([task for task in asyncio.all_tasks() if _source(task).startswith(_KOPF)])


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _is_stream(task: asyncio.Task[Any]) -> bool:
    # Every long-lived task of kopf runs this coroutine.
    return getattr(task.get_coro(), "cr_code", None) is aiotasks.guard.__code__


def _source(task: asyncio.Task[Any]) -> str:
    """The file whose coroutine the task runs."""
    code = getattr(task.get_coro(), "cr_code", None)
    return str(code.co_filename) if code is not None else ""
