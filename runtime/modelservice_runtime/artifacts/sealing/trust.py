"""Whether a model may be served, by its signature: the platform's policy first, then the service's.

Both are asked, and each that asks must know a signer: a service can add to what the platform wants,
and nothing that a namespace writes takes from it. The signature is read and its signer judged
before the model is downloaded; what it lists is compared with the files afterwards.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from modelservice_runtime.artifacts.sealing import anchors
from modelservice_runtime.artifacts.sealing.anchors import Anchor
from modelservice_runtime.artifacts.sealing.bundle import LARGEST, Bundle
from modelservice_runtime.artifacts.sealing.statement import Statement, invalid
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust, Terms
from modelservice_runtime.failure import Failure, Reason

Read = Callable[[str, int], bytes]
"""From a URI and the most bytes that it may have to its content; raises `Failure`."""

SUFFIX = ".sig"


@dataclass(frozen=True)
class Seal:
    """A signature of somebody who is trusted, and whose files have not been compared yet."""

    signer: str
    statement: Statement
    named: str | None

    def verify(
        self, files: Mapping[str, str], *, clock: Callable[[], float] = time.time
    ) -> "Verified":
        """Compare with the files of the model: name → SHA-256. Raises `Failure`."""
        self.statement.require(files, name=self.named)
        moment = datetime.fromtimestamp(clock(), tz=UTC)
        return Verified(signer=self.signer, at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


@dataclass(frozen=True)
class Verified:
    """Who signed the model that is served, and when that was proved (RFC 3339)."""

    signer: str
    at: str


def seal(uri: str, *, terms: Terms, platform: PlatformTrust, read: Read) -> Seal | None:
    """The signature of the model at `uri`; None where nobody asks for one.

    Raises `Failure`: `SignatureMissing`, `SignatureInvalid`, `SignerUnknown`, `SecretMissing`, and
    what `read` raises.
    """
    if not (platform.required or terms.required or terms.stated):
        return None
    asked = _asked(terms, platform=platform)
    place = terms.signature or f"{uri}{SUFFIX}"
    bundle = Bundle.parse(_content(place, uri=uri, read=read))
    signers = [_signer(bundle, trusted=trusted, whom=whom) for whom, trusted in asked]
    return Seal(signer=signers[0], statement=bundle.statement(), named=terms.named)


def _asked(terms: Terms, *, platform: PlatformTrust) -> list[tuple[str, Sequence[Anchor]]]:
    """Who judges the signer, and by which keys."""
    common = [one for pem in platform.keys for one in anchors.parse(pem, name="platform")]
    asked: list[tuple[str, Sequence[Anchor]]] = []
    if platform.required:
        asked.append(("the platform (security.trust)", common))
    if terms.anchors is not None:
        own = anchors.read(terms.anchors, what=f"The Secret {terms.anchors.name}")
        if not own:
            raise Failure(
                reason=Reason.SECRET_MISSING,
                message=f"The Secret {terms.anchors.name} with the public keys of signers does not "
                "exist in this namespace or is empty. Create it: kubectl create secret generic "
                f"{terms.anchors.name} --from-file=signer.pub",
            )
        asked.append(("spec.trust.publicKeys", own))
    if not asked and common:
        asked.append(("the platform (security.trust)", common))
    if not asked:
        raise Failure(
            reason=Reason.SIGNER_UNKNOWN,
            message="A signature is asked for, but nobody is trusted to sign. Set "
            "spec.trust.publicKeys to a Secret with public keys.",
        )
    return asked


def _content(place: str, *, uri: str, read: Read) -> bytes:
    try:
        return read(place, LARGEST)
    except Failure as failure:
        if failure.reason is Reason.SOURCE_NOT_FOUND:
            raise Failure(
                reason=Reason.SIGNATURE_MISSING,
                message=f"{uri} has to be signed, and there is no signature at {place}. Upload it "
                "(modelservice-seal makes one), or state source.signature.uri.",
            ) from None
        if failure.reason is Reason.SOURCE_CHANGED:
            raise invalid(f"{place} is larger than a signature can be") from None
        raise


def _signer(bundle: Bundle, *, trusted: Sequence[Anchor], whom: str) -> str:
    signer = bundle.signer(trusted)
    if signer is not None:
        return signer
    if bundle.claims(trusted):
        raise invalid("it was changed after it was made")
    raise Failure(
        reason=Reason.SIGNER_UNKNOWN,
        message=f"The model is signed by nobody whom {whom} trusts. Sign it with one of the "
        "trusted keys, or add the signer's public key.",
    )
