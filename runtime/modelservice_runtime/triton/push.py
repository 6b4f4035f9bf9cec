"""Documents that the operator pushes: who may push, and to whom, and what is refused.

    Modelservice-Push: base64 of {"pod", "namespace", "service", "issuedAt", "expiresAt", "sha256"}
    Modelservice-Signature: base64 of an Ed25519 signature, or several with commas between them
    the document itself, byte for byte as the ConfigMap has it

Signed is the push with a line of its own before it, so that nothing signed for another purpose is a
push. Times are microseconds since the epoch. The public keys are mounted beside the document, by
the ConfigMap that already says what is served: whoever may change the one may change the other.
An operator signs with every key that it has: while keys change, one of them may be unknown here.
"""

import base64
import binascii
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelservice_runtime.document import Document
from modelservice_runtime.triton.wanted import Wanted

PUSH_HEADER = "Modelservice-Push"
SIGNATURE_HEADER = "Modelservice-Signature"
SIGNED_FOR = b"modelservice.io push v1\n"
SIZE_LIMIT = 1024 * 1024  # of a ConfigMap
MOST_KEYS = 4
# Clocks of nodes differ by less; and a push that could be used for longer is none of ours.
SKEW_MICROSECONDS = 30 * 10**6
LONGEST_MICROSECONDS = 300 * 10**6

T = TypeVar("T")

log = logging.getLogger(__name__)


class Refusal(StrEnum):
    """Why a push is refused, for the one who pushed and for the metric."""

    MALFORMED = "Malformed"
    NO_KEYS = "NoKeys"
    NOT_SIGNED = "NotSigned"
    WRONG_POD = "WrongPod"
    WRONG_SERVICE = "WrongService"
    EXPIRED = "Expired"
    FROM_THE_FUTURE = "FromTheFuture"
    REPLAYED = "Replayed"
    TOO_LARGE = "TooLarge"
    TOO_SLOW = "TooSlow"
    ALTERED = "Altered"
    NO_DOCUMENT = "NoDocument"
    SUPERSEDED = "Superseded"
    NOT_NOTED = "NotNoted"


class RefusedError(Exception):
    """A push is refused."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Push:
    """What is signed. Times in microseconds since the epoch."""

    pod: str
    namespace: str
    service: str
    issued_at: int
    expires_at: int
    sha256: str

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """From the signed JSON object. Raises ValueError."""
        told = json.loads(text)
        try:
            return cls(
                pod=_of(told, "pod", kind=str),
                namespace=_of(told, "namespace", kind=str),
                service=_of(told, "service", kind=str),
                issued_at=_of(told, "issuedAt", kind=int),
                expires_at=_of(told, "expiresAt", kind=int),
                sha256=_of(told, "sha256", kind=str),
            )
        except (KeyError, TypeError):
            raise ValueError("not a push") from None


class Pushes:
    """Takes pushes in for one pod. `pod` is its uid; `refused` counts by reason."""

    def __init__(
        self,
        *,
        pod: str,
        document: Document,
        keys: Path,
        wanted: Wanted,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pod = pod
        self._namespace, self._service = document.namespace, document.service
        self._keys = keys
        self._wanted = wanted
        self._clock = clock
        self.refused: Counter[str] = Counter(dict.fromkeys(Refusal, 0))

    def admit(self, headers: Mapping[str, str]) -> Push:
        """The push that the headers tell of, before any of its document is read. Raises
        `RefusedError`."""
        text = _decoded(headers.get(PUSH_HEADER, ""))
        signatures = [_decoded(one) for one in headers.get(SIGNATURE_HEADER, "").split(",")]
        if len(signatures) > MOST_KEYS:
            raise RefusedError(Refusal.MALFORMED, f"It has more than {MOST_KEYS} signatures.")
        self._require_signed(text, signatures=signatures)
        try:
            push = Push.parse(text)
        except ValueError:
            raise RefusedError(Refusal.MALFORMED, "What is signed is no push.") from None
        self._require_ours(push)
        return push

    def take(self, push: Push, *, body: bytes) -> Document:
        """Take in the document of an admitted push. Raises `RefusedError`."""
        self._require_ours(push)  # another one may have been quicker
        if hashlib.sha256(body).hexdigest() != push.sha256:
            raise RefusedError(Refusal.ALTERED, "It is not the document that was signed.")
        try:
            text = body.decode()
            document = Document.parse_text(text)
        except ValueError:
            raise RefusedError(Refusal.NO_DOCUMENT, "It is no document of models.") from None
        told = (document.namespace, document.service)
        if document.revision is None or told != (self._namespace, self._service):
            raise RefusedError(Refusal.WRONG_SERVICE, "It is no document of this service.")
        if document.sequence < self._wanted.told.sequence:
            raise RefusedError(Refusal.SUPERSEDED, "This pod knows of a newer document.")
        try:
            self._wanted.push(document, text=text, signed_at=push.issued_at)
        except OSError as error:
            message = f"The volume of models takes no note of it: {error.strerror}."
            raise RefusedError(Refusal.NOT_NOTED, message) from None
        log.info("revision %s was pushed", document.revision)
        return document

    def _require_signed(self, text: bytes, *, signatures: list[bytes]) -> None:
        keys = self._known()
        if not keys:
            message = "This pod knows no key for pushes (yet): the mount brings it."
            raise RefusedError(Refusal.NO_KEYS, message)
        for key in keys:
            for signature in signatures:
                try:
                    key.verify(signature, SIGNED_FOR + text)
                except InvalidSignature:
                    continue
                return
        raise RefusedError(Refusal.NOT_SIGNED, "No key that this pod knows has signed it.")

    def _known(self) -> list[Ed25519PublicKey]:
        """Read each time, so that keys can change while pods run."""
        try:
            told = json.loads(self._keys.read_text())["keys"][:MOST_KEYS]
            return [Ed25519PublicKey.from_public_bytes(base64.b64decode(one)) for one in told]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the keys for pushes cannot be read: %s", type(error).__name__)
            return []

    def _require_ours(self, push: Push) -> None:
        now = int(self._clock() * 1e6)
        if push.pod != self._pod:
            raise RefusedError(Refusal.WRONG_POD, "It is for another pod.")
        if (push.namespace, push.service) != (self._namespace, self._service):
            raise RefusedError(Refusal.WRONG_SERVICE, "It is for another service.")
        if push.issued_at > now + SKEW_MICROSECONDS:
            message = "It was signed later than now: the clocks of two nodes differ."
            raise RefusedError(Refusal.FROM_THE_FUTURE, message)
        if push.expires_at < now - SKEW_MICROSECONDS:
            message = "It has expired. If it was signed just now, the clocks of two nodes differ."
            raise RefusedError(Refusal.EXPIRED, message)
        if not 0 < push.expires_at - push.issued_at <= LONGEST_MICROSECONDS:
            raise RefusedError(Refusal.MALFORMED, "It is good for no time, or for too long.")
        if push.issued_at <= self._wanted.told.pushed_at:
            raise RefusedError(Refusal.REPLAYED, "A push that was signed later came before it.")


def _of(told: Mapping[str, Any], name: str, *, kind: type[T]) -> T:
    value = told[name]
    if type(value) is not kind:  # True is an int, and no time
        raise TypeError
    return value


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(Refusal.MALFORMED, "A header of it is not base64.") from None
