"""From the models in force to the ones that are wanted, without a gap: live reload.

    bring all (beside what is served) → a model after the other: configure, load → all are loaded:
    the new document is in force → unload what is gone, remove its files

Triton loads a new version beside the old one and turns to it when it is ready, requests in flight
end on the old one. Until all models are loaded the old document stays in force: where one cannot be
brought or loaded, what was changed is put back, and the pod serves on as before.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelservice_runtime.artifacts.bring import Brought, Policy, Settings, bring_all
from modelservice_runtime.document import Document
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.progress import Progress
from modelservice_runtime.triton.client import LoadError, TritonAway
from modelservice_runtime.triton.keeper import Keeper
from modelservice_runtime.triton.models import Models
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import Wanted

_LOOK_SECONDS = 1.0
_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 60.0

log = logging.getLogger(__name__)


class Server(Protocol):
    """What a reload asks of Triton."""

    async def ready(self, model: str, *, version: int) -> bool: ...
    async def load(self, model: str) -> None: ...
    async def unload(self, model: str) -> None: ...


@dataclass(frozen=True)
class Surroundings:
    """What the agent knows of its container: see `bring.Settings`."""

    environ: Mapping[str, str]
    policy: Policy


@dataclass(frozen=True)
class _Switched:
    """A model that is being changed: its keeper before, None for a new one, and after."""

    before: Keeper | None
    after: Keeper

    @property
    def name(self) -> str:
        return self.after.model.name


class Reload:
    """Follows the newest document."""

    def __init__(
        self,
        models: Models,
        *,
        server: Server,
        repository: Repository,
        wanted: Wanted,
        surroundings: Surroundings,
        may_change: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = models
        self._server = server
        self._repository = repository
        self._newest = wanted.newest
        self._around = surroundings
        self._may_change = may_change
        self._clock = clock
        self._wanted = models.document.revision
        self._progress: Progress | None = None
        self._failure: Failure | None = None
        self._wait = _FIRST_WAIT_SECONDS
        self._not_before = clock()
        self._left_over = False  # files of a change that did not come about

    def publish(self, progress: Progress) -> None:
        """Hear of a change how far it is."""
        self._progress = progress

    def document(self) -> dict[str, Any]:
        """How the change to the wanted document goes; empty where there is none."""
        if self._wanted == self._models.document.revision:
            return {}
        told: dict[str, Any] = {"revision": self._wanted}
        if self._failure is not None:
            reason, message = str(self._failure.reason), self._failure.message
            return {**told, "phase": "Failed", "reason": reason, "message": message}
        progress = self._progress
        told["phase"] = progress.phase if progress is not None else "Loading"
        if progress is not None and progress.reason:
            told |= {"reason": progress.reason, "message": progress.message}
        return told

    async def run(self) -> None:
        """Look for what is wanted until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """One look, and a change if one is due."""
        document, text = self._newest()
        if document.revision != self._wanted:
            self._wanted, self._failure, self._progress = document.revision, None, None
            self._wait, self._not_before = _FIRST_WAIT_SECONDS, self._clock()
        if document.revision == self._models.document.revision:
            if self._left_over:
                self._left_over = False
                await asyncio.to_thread(self._repository.prune, document)
            return
        if not self._may_change() or self._clock() < self._not_before:
            return
        self._left_over = True
        try:
            await self._change(document, text=text)
        except Failure as failure:
            log.warning("revision %s is not taken over: %s", document.revision, failure)
            self._failure = failure
            self._not_before = self._clock() + self._wait
            self._wait = min(self._wait * 2, _LONGEST_WAIT_SECONDS)

    async def _change(self, document: Document, *, text: str) -> None:
        log.info("revision %s is taken over", document.revision)
        _require_other_versions(document, models=self._models)
        brought = await asyncio.to_thread(self._bring, document)
        changed = [one for one in brought if not self._is_served(one)]
        _require_joinable(changed, models=self._models)
        _require_fresh_answers(document, changed=changed, models=self._models)
        switched: list[_Switched] = []
        try:
            for one in changed:
                switched.append(self._switch(one))
                await self._load(switched[-1].after)
        except (LoadError, TritonAway) as error:
            await self._put_back(switched)
            raise _not_loaded(error, model=switched[-1].name) from None
        await self._commit(document, text=text, switched=switched)

    def _bring(self, document: Document) -> tuple[Brought, ...]:
        settings = Settings.of(
            document,
            root=self._repository.root,
            environ=self._around.environ,
            policy=self._around.policy,
        )
        beside = self._repository.bytes_beside(document)
        brought = bring_all(document, settings=settings, progress=self, used=beside)
        for one in brought:
            if not self._is_served(one):
                self._repository.install(one, target=settings.target)
        return brought

    def _is_served(self, one: Brought) -> bool:
        keeper = self._models.get(one.model.name)
        return (
            keeper is not None
            and keeper.model.version == one.model.version
            and self._repository.config(one.model.name) == one.config
        )

    def _switch(self, one: Brought) -> _Switched:
        """Let Triton find the new version at its next load of the model."""
        name = one.model.name
        switched = _Switched(self._models.get(name), self._models.keeper(one.model))
        self._models.rest(name)
        self._repository.switch(name, text=one.config)
        if switched.before is not None:
            # Probes go on: the version before answers until the new one does.
            switched.after.follow(switched.before)
            self._models.put(switched.after)
        return switched

    async def _load(self, keeper: Keeper) -> None:
        name = keeper.model.name
        self.publish(Progress(phase="Loading", message=f"Triton loads the model {name}."))
        await keeper.load()
        if not await self._server.ready(name, version=keeper.model.version):
            raise LoadError(f"version {keeper.model.version} does not answer after it was loaded")

    async def _put_back(self, switched: list[_Switched]) -> None:
        for one in reversed(switched):
            self._repository.put_back(one.name)
            try:
                if one.before is None:
                    await self._server.unload(one.name)
                else:
                    await self._server.load(one.name)
            except (LoadError, TritonAway) as error:
                log.warning("%s: not put back at once: %s", one.name, error)
            if one.before is not None:
                self._models.put(one.before)
                self._models.resume(one.name)  # whatever went wrong, it sees to it

    async def _commit(self, document: Document, *, text: str, switched: list[_Switched]) -> None:
        # NB: an end between these two is mended by the next process, which makes the change again;
        # in the other order it would put old configurations beside the new document.
        for one in switched:
            self._repository.settle(one.name)
        self._repository.record(text)
        self._models.document = document
        for one in switched:
            one.after.settle()
            self._models.put(one.after)
            self._models.resume(one.name)
        wanted = {model.name for model in document.models}
        gone = [one.model.name for one in self._models.keepers if one.model.name not in wanted]
        for name in reversed(gone):  # ensembles before their members
            self._models.drop(name)
            try:
                await self._server.unload(name)
            except (LoadError, TritonAway) as error:
                log.warning("%s: not unloaded: %s", name, error)
        await asyncio.to_thread(self._repository.prune, document)
        self._left_over = False
        log.info("revision %s is in force", document.revision)


def _require_other_versions(document: Document, *, models: Models) -> None:
    """What is loaded is never written over: other bytes need another number."""
    for model in document.models:
        served = models.get(model.name)
        if (
            served is not None
            and served.model.version == model.version
            and served.model.digest != model.digest
        ):
            raise Failure(
                reason=Reason.RELOAD_REFUSED,
                message=f"{model.name} version {model.version} is served with other bytes.",
            )


def _require_joinable(changed: list[Brought], *, models: Models) -> None:
    """Triton joins an ensemble anew with every load of a member, whatever comes next."""
    names = {one.model.name for one in changed}
    for one in changed:
        before = models.get(one.model.name)
        if before is not None and names & one.model.members:
            raise Failure(
                reason=Reason.RELOAD_REFUSED,
                message=f"The ensemble {one.model.name} changes together with its models "
                f"{', '.join(sorted(names & one.model.members))}: Triton would run it for a moment "
                "with models that do not fit.",
            )


def _require_fresh_answers(document: Document, *, changed: list[Brought], models: Models) -> None:
    """Triton keeps an ensemble's answers by its version, which its models' do not change."""
    stale = {one.model.name for one in changed}
    for model in document.models:  # members before ensembles
        if model.members & stale:
            stale.add(model.name)
            if model.response_cache and models.get(model.name) is not None:
                raise Failure(
                    reason=Reason.RELOAD_REFUSED,
                    message=f"Models of the ensemble {model.name} change, and Triton would go on "
                    "giving the answers that it keeps of those before.",
                )


def _not_loaded(error: LoadError | TritonAway, *, model: str) -> Failure:
    if isinstance(error, TritonAway):
        text = "Triton went away while it loaded the model."
    else:
        text = str(error)
    return Failure(reason=Reason.LOAD_FAILED, message=f"{model}: {text}", model=model)
