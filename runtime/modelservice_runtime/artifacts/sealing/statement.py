"""What a signature says: the in-toto statement of OpenSSF model signing, made and compared.

The statement lists every file of the model with its digest, and names the model. The format is
https://github.com/sigstore/model-transparency, predicate type `signature/v1.0`; a model of one file
is listed under the name `.`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from modelservice_runtime.artifacts.sealing.members import MOST_MEMBERS, shown
from modelservice_runtime.failure import Failure, Reason

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
ONE_FILE: Final = "."

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 512


@dataclass(frozen=True)
class Statement:
    """The signed name of a model, and its files: name → SHA-256 in hex."""

    name: str
    files: Mapping[str, str]

    def payload(self) -> bytes:
        """The statement as it is signed; equal models make equal bytes."""
        names = sorted(self.files)
        statement = {
            "_type": _STATEMENT,
            "subject": [{"name": self.name, "digest": {"sha256": _root(self.files, names=names)}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                },
                "resources": [
                    {"name": name, "algorithm": "sha256", "digest": self.files[name]}
                    for name in names
                ],
            },
        }
        return json.dumps(statement, indent=1).encode()

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """From a payload whose signature was verified. Raises `Failure`, `SignatureInvalid`."""
        try:
            return cls._parsed(json.loads(payload))
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            raise invalid("its statement is not one of OpenSSF model signing") from None

    @classmethod
    def _parsed(cls, document: Any) -> Self:
        if document["_type"] != _STATEMENT or document["predicateType"] != _PREDICATE:
            raise invalid("its statement is not one of OpenSSF model signing, version 1.0")
        (subject,) = document["subject"]
        predicate = document["predicate"]
        if predicate["serialization"]["method"] != "files":
            raise invalid("it lists parts of files. Sign whole files, which is the default")
        files: dict[str, str] = {}
        for resource in predicate["resources"]:
            name, digest = resource["name"], resource["digest"]
            if resource["algorithm"] != "sha256" or not _SHA256.fullmatch(digest):
                raise invalid("it has digests other than SHA-256. Sign with SHA-256, the default")
            if not isinstance(name, str) or len(name) > _LONGEST_NAME or name in files:
                raise invalid("it lists a file twice or by no name")
            files[name] = digest
        if not files or len(files) > MOST_MEMBERS:
            raise invalid(f"it lists no file, or more than {MOST_MEMBERS}")
        listed = [resource["name"] for resource in predicate["resources"]]
        if subject["digest"]["sha256"] != _root(files, names=listed):
            raise invalid("the digest of the whole is not that of its files")
        if not isinstance(subject["name"], str) or len(subject["name"]) > _LONGEST_NAME:
            raise invalid("it has no name of a model")
        return cls(name=subject["name"], files=files)

    def require(self, files: Mapping[str, str], *, name: str | None = None) -> None:
        """Raise `Failure` unless exactly `files` were signed, under `name` if one is wanted."""
        if name is not None and name != self.name:
            raise Failure(
                reason=Reason.SIGNED_FOR_ANOTHER,
                message=f"The signature is for {shown(self.name)}, and source.signature.name asks "
                f"for {shown(name)}. Upload the artifact and the signature of that model.",
            )
        if not set(self.files.values()) & set(files.values()) and len(self.files) > 1:
            raise Failure(
                reason=Reason.SIGNED_FOR_ANOTHER,
                message=f"The signature is for another model, {shown(self.name)}: no file of this "
                "one is in it. Upload the signature that belongs to the artifact.",
            )
        for file in sorted(files.keys() - self.files.keys()):
            raise Failure(
                reason=Reason.FILE_NOT_SIGNED,
                message=f"The model has {_named(file)}, which is not in the signature. Remove it, "
                "or sign the model as it is.",
            )
        for file in sorted(self.files.keys() - files.keys()):
            raise Failure(
                reason=Reason.FILE_MISSING,
                message=f"The signature lists {_named(file)}, which the model lacks. Upload the "
                "whole model, or sign it as it is.",
            )
        for file in sorted(files):
            if files[file] != self.files[file]:
                raise Failure(
                    reason=Reason.FILE_ALTERED,
                    message=f"The model has other bytes in {_named(file)} than were signed (as "
                    f"{shown(self.name)}). Upload the model that was signed, or sign this one.",
                )


def _named(file: str) -> str:
    return "its one file" if file == ONE_FILE else f"the file {shown(file)}"


def _root(files: Mapping[str, str], *, names: list[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(bytes.fromhex(files[name]))
    return digest.hexdigest()


def invalid(how: str) -> Failure:
    """`SignatureInvalid`."""
    return Failure(
        reason=Reason.SIGNATURE_INVALID,
        message=f"The signature is not valid: {how}. Sign the model and upload the signature "
        "again.",
    )
