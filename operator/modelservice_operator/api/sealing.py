"""How an artifact is sealed, and whom a service trusts to have signed it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice_operator.api.scalars import Bool, ObjectName, S3Object
from modelservice_operator.api.schema import Schema, matches

# It becomes the name of a mounted file.
SecretKey = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=253),
    matches(
        "[A-Za-z0-9_-][A-Za-z0-9._-]*",
        message="key must be a key of a Secret: A-Z, a-z, 0-9, '_', '-' and '.', not '.' first",
    ),
]
SignedName = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=128),
    matches(
        "[!-~]([ -~]*[!-~])?",
        message="name must be printable ASCII without spaces at its ends, such as digits-3",
    ),
]


class KeyRef(Schema):
    """One key of a Secret in the namespace of the ModelService."""

    name: ObjectName
    """Name of the Secret."""

    key: SecretKey = "key"
    """The key that holds it."""


class Encryption(Schema):
    """The artifact is encrypted, as modelservice-seal does it."""

    secret_ref: KeyRef
    """The key to open it with: 32 bytes in base64. An artifact that is not encrypted is refused."""


class ArtifactSignature(Schema):
    """The model is signed (OpenSSF model signing). Stating it asks for it."""

    uri: S3Object | None = None
    """The signature; the artifact's address with .sig at its end when left out."""

    name: SignedName | None = None
    """What the signature must be for, such as digits-3: an older version, or another model of the
    same signer, is refused."""


class SignersRef(Schema):
    """A Secret in the namespace of the ModelService."""

    name: ObjectName
    """Name of the Secret. Each of its keys holds public keys or root certificates in PEM."""


class PublicKeys(Schema):
    """Whom to trust."""

    secret_ref: SignersRef
    """Public keys (EC P-256, P-384, P-521 or Ed25519) and roots of certificates."""


class Trust(Schema):
    """What a model has to prove before it is served. It adds to what the platform asks for, and
    takes nothing from it."""

    require_signature: Bool = False
    """Serve signed models only."""

    public_keys: PublicKeys | None = None
    """Who may sign; those that the platform trusts when left out."""
