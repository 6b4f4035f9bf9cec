"""Whom a signature is trusted from: public keys, and roots of certificates.

Both are PEM and may stand in one file. A certificate is judged at the time from which it is valid:
a signature here has no proved time, and a model must not stop to be served because a certificate
has run out. To stop trusting a signer, take its key or root away.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import verification as chains
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelservice_runtime.failure import Failure, Reason

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

MOST_ANCHORS = 64
LONGEST_CHAIN = 8

_PEM = re.compile(
    r"-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s]{1,20000}-----END \1-----", re.ASCII
)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_LARGEST_FILE = 2**20


@dataclass(frozen=True)
class Anchor:
    """A key or a root. `name` is that of the file that holds it."""

    name: str
    trusted: PublicKey | x509.Certificate

    @property
    def signer(self) -> str:
        """The name with a fingerprint, as the status shows it."""
        return f"{self.name} {fingerprint(self.trusted)}"


def parse(text: str, *, name: str) -> tuple[Anchor, ...]:
    """The keys and certificates of a PEM text. Raises `Failure` with `SignerUnknown`."""
    found = tuple(_anchor(match[0], kind=match[1], name=name) for match in _PEM.finditer(text))
    if not found:
        raise _unusable(name, "holds no public key and no certificate in PEM")
    return found


def read(folder: Path, *, what: str) -> tuple[Anchor, ...]:
    """Those of every file of a mounted Secret; empty where there is none.

    `what` is what messages call the folder. Raises `Failure` with `SignerUnknown`.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.name[0] != "." and path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    found: list[Anchor] = []
    for path in files:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE).decode(errors="replace")
        found += parse(text, name=path.name)
    if len(found) > MOST_ANCHORS:
        raise _unusable(what, f"holds more than {MOST_ANCHORS} keys")
    return tuple(found)


def _anchor(pem: str, *, kind: str, name: str) -> Anchor:
    if kind.endswith("PRIVATE KEY"):
        raise _unusable(name, "holds a private key, which belongs to nobody but the signer")
    try:
        if kind == "CERTIFICATE":
            return Anchor(name=name, trusted=x509.load_pem_x509_certificate(pem.encode()))
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        raise _unusable(name, f"holds a {kind.lower()} that cannot be read") from None
    return Anchor(name=name, trusted=usable(key, name=name))


def usable(key: object, *, name: str) -> PublicKey:
    """The key, if signatures of its kind are taken. Raises `Failure` with `SignerUnknown`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _HASHES:
        return key
    raise _unusable(name, "holds a key that is neither EC (P-256, P-384, P-521) nor Ed25519")


def signed_by(key: PublicKey, *, signature: bytes, data: bytes) -> bool:
    """Whether `key` made `signature` over `data`."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def hash_of(key: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    """The hash that goes with a curve, as Sigstore has it."""
    return _HASHES[key.curve.name]


def certified(
    chain: Sequence[x509.Certificate], *, anchors: Iterable[Anchor]
) -> tuple[PublicKey, str] | None:
    """Key and name of the certificate that is first in `chain`, if it leads to a root.

    The certificate must be one for signing. None where it leads to none of the roots.
    """
    roots = [one.trusted for one in anchors if isinstance(one.trusted, x509.Certificate)]
    if not roots or not chain or not _may_sign(chain[0]):
        return None
    authority = (
        chains.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, chains.Criticality.AGNOSTIC, None)
        .may_be_present(x509.KeyUsage, chains.Criticality.AGNOSTIC, _certifies)
    )
    verifier = (
        chains.PolicyBuilder()
        .store(chains.Store(roots))
        .time(chain[0].not_valid_before_utc)
        .max_chain_depth(LONGEST_CHAIN)
        .extension_policies(ca_policy=authority, ee_policy=chains.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
        key = usable(chain[0].public_key(), name="the certificate")
    except (chains.VerificationError, ValueError, Failure):
        return None
    return key, f"{_subject(chain[0])} {fingerprint(chain[0])}"


def _certifies(
    policy: chains.Policy, certificate: x509.Certificate, found: x509.KeyUsage | None
) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("may not sign certificates")


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension):
        return False
    for extension in extensions:
        if isinstance(extension.value, x509.KeyUsage) and extension.value.digital_signature:
            return True
        if (
            isinstance(extension.value, x509.ExtendedKeyUsage)
            and ExtendedKeyUsageOID.CODE_SIGNING in extension.value
        ):
            return True
    return False


def _subject(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(names[0].value) if names else certificate.subject.rfc4514_string()
    return "".join(one if one.isprintable() else "?" for one in text)[:128] or "certificate"


def fingerprint(trusted: PublicKey | x509.Certificate) -> str:
    """The start of the SHA-256 of a key (as SubjectPublicKeyInfo) or of a certificate (DER)."""
    if isinstance(trusted, x509.Certificate):
        raw = trusted.public_bytes(serialization.Encoding.DER)
    else:
        raw = trusted.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return f"sha256:{hashlib.sha256(raw).hexdigest()[:16]}"


def _unusable(name: str, what: str) -> Failure:
    return Failure(
        reason=Reason.SIGNER_UNKNOWN,
        message=f"The public keys of signers cannot be used: {name} {what}. Put it right.",
    )
