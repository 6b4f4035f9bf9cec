"""From a URI to a model that Triton can load: acquire, read its tensors, configure.

Shared by `fetch`, which does it in the serving pod, and by `check`, which does it before a
rollout takes capacity from what serves: whatever would fail in the pod fails there first.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from modelservice_runtime.artifacts.acquire import Reach, about, acquired, seal_of
from modelservice_runtime.artifacts.keeping import kept
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.placement import place, place_again
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust
from modelservice_runtime.artifacts.sealing.trust import Verified
from modelservice_runtime.artifacts.transfer import Transfer
from modelservice_runtime.document import Document, Model
from modelservice_runtime.failure import Failure, patience, patiently
from modelservice_runtime.formats.format import Format
from modelservice_runtime.places import Places
from modelservice_runtime.progress import Progress
from modelservice_runtime.tensors import Signature
from modelservice_runtime.triton import ensemble
from modelservice_runtime.triton.batching import requested
from modelservice_runtime.triton.config import Target, config, outside

Policy = Callable[[Iterable[str]], Network]
"""From `security.allowedNetworks` to the policy: `Network.of`; tests allow loopback too."""

_PLACES = Places()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Brought:
    """A model on the local disk. Times in seconds; `config` is the text of `config.pbtxt`.

    An ensemble has no file and no `format`: its `path` is the version's folder, which stays empty.
    `pin` is what names the bytes for good where the URI does not (a commit).
    """

    model: Model
    format: Format | None
    path: Path
    digest: str | None
    pin: str | None
    size: int
    signature: Signature
    config: str
    fetch_seconds: float
    verify_seconds: float
    configure_seconds: float
    verified: Verified | None = None

    @property
    def served(self) -> Signature:
        """What clients see of the model's tensors."""
        asked = requested(self.signature, batching=self.model.sequence_batching)
        return outside(asked, batches=self.model.max_batch_size > 0)

    def document(self) -> dict[str, Any]:
        """The model's entry in the termination message."""
        head: dict[str, Any] = {"name": self.model.name, "version": self.model.version}
        if self.format is None:
            head |= {"format": "Ensemble"}
        else:
            head |= {"digest": self.digest, "size": self.size, "format": self.format.name}
        if self.pin is not None:
            head |= {"pin": self.pin}
        if self.verified is not None:
            head |= {"signer": self.verified.signer, "verifiedAt": self.verified.at}
        return {
            **head,
            "inputs": [tensor.document() for tensor in self.signature.inputs],
            "outputs": [tensor.document() for tensor in self.signature.outputs],
        }


@dataclass(frozen=True)
class Settings:
    """What surrounds the models: the volume, its size in bytes if known, patience in seconds;
    where claims are mounted that hold some, and the hub that others are on (empty: the usual).

    `python_models` says whether the platform allows code of users' own.
    """

    root: Path
    claims: Path
    hub: str
    network: Network
    target: Target
    patience: float
    quota: int | None = None
    python_models: bool = False
    trust: PlatformTrust = field(default_factory=PlatformTrust)

    @classmethod
    def of(
        cls,
        document: Document,
        *,
        root: Path,
        environ: Mapping[str, str],
        policy: Policy,
        claims: Path = _PLACES.claims,
    ) -> "Settings":
        """From the document, the container's environment and the network policy."""
        cpus = environ.get("MODELSERVICE_TRITON_CPUS")
        quota = environ.get("MODELSERVICE_MODEL_STORAGE_BYTES")
        return cls(
            root=root,
            claims=claims,
            hub=environ.get("MODELSERVICE_HUGGING_FACE_ENDPOINT", ""),
            network=policy(document.allowed_networks),
            target=Target(
                backends=document.backends,
                gpu=document.gpu,
                gpus=document.gpus,
                cpus=int(cpus) if cpus else None,
            ),
            patience=patience(environ),
            quota=int(quota) if quota else None,
            python_models=document.python_models,
            trust=document.trust,
        )


class Listener(Protocol):
    """Hears how far it is: a `ProgressServer`, or the agent."""

    def publish(self, progress: Progress) -> None: ...


def bring_all(
    document: Document, *, settings: Settings, progress: Listener, used: int = 0
) -> tuple[Brought, ...]:
    """Bring the models one after another, each with patience for what heals.

    `used` is what else lies on the volume and stays, in bytes. Raises `Failure` that names the
    model.
    """
    brought: list[Brought] = []
    beside = used
    for model in document.models:
        progress.publish(Progress(phase="Loading", message=f"Bringing the model {model.name}."))
        used = beside + sum(one.size for one in brought)
        members = {one.model.name: one.served for one in brought}
        try:
            one = patiently(
                partial(join, model, settings=settings, members=members)
                if model.steps
                else partial(bring, model, settings=settings, used=used, tell=progress.publish),
                seconds=settings.patience,
                on_wait=lambda failure: progress.publish(Progress.waiting(failure)),
            )
        except Failure as failure:
            raise failure.of(model.name) from None
        brought.append(one)
    return tuple(brought)


def bring(
    model: Model,
    *,
    settings: Settings,
    used: int = 0,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Brought:
    """Bring one model. `used` is what the other models take of the volume, in bytes; `tell` hears
    how far it is."""
    clock = _Laps()
    pin: str | None = None
    folder = model.folder(settings.root)
    reach = Reach(
        credentials=model.credentials,
        network=settings.network,
        claims=settings.claims,
        hub=settings.hub,
    )
    seal = seal_of(model, platform=settings.trust, reach=reach)
    there = kept(folder, digest=model.digest)
    if there is not None:
        digest = there.digest
        with about(model.uri):
            verified = seal.verify(there.files) if seal is not None else None
        fetch_seconds = clock.lap()
        placed = place_again(there, folder=folder, model=model, code=settings.python_models)
    else:
        with acquired(
            model,
            root=settings.root,
            reach=reach,
            seal=seal,
            quota=settings.quota,
            used=used,
            on_progress=Transfer(model.name, tell=tell),
        ) as found:
            digest, verified, pin = found.digest, found.verified, found.pin
            fetch_seconds = clock.lap()
            placed = place(found.opened, into=folder, model=model, code=settings.python_models)
    verify_seconds = clock.lap()
    model = placed.given.under(model)
    text = config(model, signature=placed.signature, target=settings.target, format_=placed.format)
    log.info("%s: version %d, %s, %d bytes", model.name, model.version, digest, placed.size)
    if verified is not None:
        log.info("%s: signed by %s", model.name, verified.signer)
    return Brought(
        model=model,
        format=placed.format,
        path=placed.path,
        digest=digest,
        pin=pin,
        size=placed.size,
        signature=placed.signature,
        config=text,
        fetch_seconds=fetch_seconds,
        verify_seconds=verify_seconds,
        configure_seconds=clock.lap(),
        verified=verified,
    )


def join(model: Model, *, settings: Settings, members: Mapping[str, Signature]) -> Brought:
    """Make an ensemble of models that are there. `members`: what clients see of each."""
    clock = _Laps()
    path = model.folder(settings.root)
    path.mkdir(parents=True, exist_ok=True)
    signature = ensemble.signature(model, members=members)
    text = config(model, signature=signature, target=settings.target)
    return Brought(
        model=model,
        format=None,
        path=path,
        digest=None,
        pin=None,
        size=0,
        signature=signature,
        config=text,
        fetch_seconds=0.0,
        verify_seconds=0.0,
        configure_seconds=clock.lap(),
    )


def result(brought: tuple[Brought, ...], *, revision: str | None) -> dict[str, Any]:
    """The termination message's content."""
    return {
        **({"revision": revision} if revision is not None else {}),
        "models": [one.document() for one in brought],
        "timings": {
            "fetch": round(sum(one.fetch_seconds for one in brought), 3),
            "verify": round(sum(one.verify_seconds for one in brought), 3),
            "configure": round(sum(one.configure_seconds for one in brought), 3),
        },
    }


class _Laps:
    """Seconds from one call of `lap` to the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def lap(self) -> float:
        now = self._clock()
        seconds, self._last = now - self._last, now
        return seconds
