"""The models that this pod serves now: the document in force, and a keeper for each of its models.

`reload` changes them one by one; everybody else only reads.
"""

import asyncio
from collections.abc import Callable, Sequence

from modelservice_runtime.document import Document, Model
from modelservice_runtime.triton.keeper import Keeper

MakeKeeper = Callable[[Model, Callable[[], Sequence[Keeper]]], Keeper]
"""From a model and a look-up of its members' keepers, which an ensemble has."""


class Models:
    """Keepers by the name of their model, members before the ensembles that run them."""

    def __init__(self, document: Document, *, make: MakeKeeper) -> None:
        self.document = document
        self._make = make
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        for model in document.models:
            self._keepers[model.name] = self.keeper(model)

    @property
    def keepers(self) -> tuple[Keeper, ...]:
        return tuple(self._keepers.values())

    def get(self, name: str) -> Keeper | None:
        """The keeper of a model that is served."""
        return self._keepers.get(name)

    def keeper(self, model: Model) -> Keeper:
        """A new keeper of a model, not at work yet."""
        names = sorted(model.members)
        return self._make(model, lambda: [self._keepers[name] for name in names])

    async def run(self) -> None:
        """Let the keepers work until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            for name in self._keepers:
                self.resume(name)
            await asyncio.Event().wait()

    def rest(self, name: str) -> None:
        """Let nobody look after a model: it is being changed."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def resume(self, name: str) -> None:
        """Let the keeper of a model go on."""
        if self._group is not None and name not in self._tasks:
            self._tasks[name] = self._group.create_task(self._keepers[name].run())

    def put(self, keeper: Keeper) -> None:
        """Let a model be told of by this keeper, which does not work yet."""
        self._keepers[keeper.model.name] = keeper

    def drop(self, name: str) -> None:
        """A model is served no longer."""
        self.rest(name)
        del self._keepers[name]
