"""What can go wrong in a pod, as one exception that carries an answer for the user.

Every program of this package ends with a result or with a `Failure`. The reason is a constant
that the operator turns into a condition; whether it heals by itself belongs to the reason, so
that the exit code, the Job's failure policy and the status never disagree.
"""

import logging
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

EXIT_WAITS_FOR_SPEC = 42
EXIT_HEALS = 43

_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 10.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Reason(StrEnum):
    """Why a program of this package could not do its work."""

    SECRET_MISSING = "SecretMissing"  # noqa: S105  # a reason, not a password
    ACCESS_DENIED = "AccessDenied"
    SOURCE_NOT_FOUND = "SourceNotFound"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    SOURCE_CHANGED = "SourceChanged"
    DIGEST_MISMATCH = "DigestMismatch"
    FORMAT_UNSUPPORTED = "FormatUnsupported"
    FORMAT_MISMATCH = "FormatMismatch"
    UNSAFE_CONTENT = "UnsafeContent"
    MODEL_INVALID = "ModelInvalid"
    TENSORS_UNKNOWN = "TensorsUnknown"
    TENSOR_MISMATCH = "TensorMismatch"
    BATCHING_UNSUPPORTED = "BatchingUnsupported"
    ENDPOINT_REFUSED = "EndpointRefused"
    SOURCE_REFUSED = "SourceRefused"
    STORAGE_FULL = "StorageFull"
    DECRYPTION_FAILED = "DecryptionFailed"
    ARTIFACT_DAMAGED = "ArtifactDamaged"
    ARTIFACT_TOO_LARGE = "ArtifactTooLarge"
    ARCHIVE_REFUSED = "ArchiveRefused"
    SIGNATURE_MISSING = "SignatureMissing"
    SIGNATURE_INVALID = "SignatureInvalid"
    SIGNER_UNKNOWN = "SignerUnknown"
    SIGNED_FOR_ANOTHER = "SignedForAnother"
    FILE_ALTERED = "FileAltered"
    FILE_MISSING = "FileMissing"
    FILE_NOT_SIGNED = "FileNotSigned"
    DATASET_INVALID = "DatasetInvalid"
    DATASET_DIGEST_MISMATCH = "DatasetDigestMismatch"
    TRAINING_DIVERGED = "TrainingDiverged"
    TRAINING_FAILED = "TrainingFailed"
    CONVERSION_FAILED = "ConversionFailed"
    CONVERSION_DIFFERS = "ConversionDiffers"
    LOAD_FAILED = "LoadFailed"
    RELOAD_REFUSED = "ReloadRefused"

    @property
    def heals(self) -> bool:
        """True when the cause can go away without a new spec (a Secret appears, storage is up)."""
        return self in _HEALING


_HEALING = frozenset(
    {
        Reason.SECRET_MISSING,
        Reason.ACCESS_DENIED,
        Reason.SOURCE_NOT_FOUND,
        Reason.STORAGE_UNAVAILABLE,
        Reason.SOURCE_CHANGED,
        Reason.LOAD_FAILED,  # memory may become free
        Reason.ENDPOINT_REFUSED,  # the endpoint stands in a Secret, which may be put right
        Reason.DECRYPTION_FAILED,  # and so does the key
        Reason.SIGNATURE_MISSING,
        Reason.SIGNATURE_INVALID,  # seen before the model is downloaded: looking again costs little
        Reason.SIGNER_UNKNOWN,  # the public keys stand in a Secret too
        Reason.SOURCE_REFUSED,  # servers, DNS and the platform's networks may be put right
    }
)


class Failure(Exception):  # noqa: N818  # the word that the pods and the operator use
    """One reason, and a sentence that a user can act on. Never holds a secret."""

    def __init__(self, *, reason: Reason, message: str, model: str | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.model = model

    @property
    def heals(self) -> bool:
        """Whether trying the same again later can succeed."""
        return self.reason.heals

    @property
    def exit_code(self) -> int:
        """The exit status that tells the Job's failure policy what to do."""
        return EXIT_HEALS if self.heals else EXIT_WAITS_FOR_SPEC

    def of(self, model: str) -> "Failure":
        """The same failure, told about a model."""
        return Failure(reason=self.reason, message=self.message, model=model)


def patience(environ: Mapping[str, str]) -> float:
    """How many seconds a program tries again by itself before it exits with `EXIT_HEALS`."""
    return float(environ.get("MODELSERVICE_PATIENCE", "60"))


def patiently(
    attempt: Callable[[], T],
    *,
    seconds: float,
    on_wait: Callable[[Failure], None] = lambda failure: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `attempt` until it returns, or fails for good, or has kept failing for `seconds`.

    The clock starts with the first failure: a long download that breaks late gets the same
    patience as one that breaks at once. `on_wait` hears each failure that is waited for.
    """
    wait = _FIRST_WAIT_SECONDS
    deadline: float | None = None
    while True:
        try:
            return attempt()
        except Failure as failure:
            now = clock()
            deadline = now + seconds if deadline is None else deadline
            if not failure.heals or now + wait > deadline:
                raise
            log.warning("%s; trying again in %.0f s", failure, wait)
            on_wait(failure)
        sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
