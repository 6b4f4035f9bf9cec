"""Signatures: OpenSSF's are taken, and a wrong key, file, name or byte is refused, each by name."""

import base64
import datetime
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from modelservice_runtime.artifacts.sealing import anchors, trust
from modelservice_runtime.artifacts.sealing.bundle import Bundle, pre_authentication
from modelservice_runtime.artifacts.sealing.statement import Statement
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust, Terms
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing import signers

SIGNED = Path(__file__).parent / "signed"
# what signed/make.py signed
FOLDER = {"model.onnx": b"a graph\n", "weights/a.data": b"first\n", "weights/b.data": b"second\n"}
FILE = {".": b"a graph\n"}
CURVES = ["secp256r1", "secp384r1", "secp521r1"]

KEY = signers.new_key()
URI = "s3://models/digits.onnx"


def digests(files: Mapping[str, bytes]) -> Mapping[str, str]:
    return signers.statement(files).files


def judged(
    signature: bytes,
    files: Mapping[str, bytes],
    *,
    trusted: str,
    name: str | None = None,
) -> trust.Verified:
    """By the platform's policy alone."""
    seal = trust.seal(
        URI,
        terms=Terms(named=name),
        platform=PlatformTrust(required=True, keys=(trusted,)),
        read=lambda uri, limit: signature,
    )
    assert seal is not None
    return seal.verify(digests(files), clock=lambda: 1_700_000_000)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("what", "files"), [("file", FILE), ("folder", FOLDER)])
def test_what_openssf_signed_is_verified(curve: str, what: str, files: Mapping[str, bytes]) -> None:
    signature = (SIGNED / f"{curve}.{what}.sig").read_bytes()
    verified = judged(signature, files, trusted=(SIGNED / f"{curve}.pub").read_text())
    assert verified.signer.startswith("platform sha256:")
    assert verified.at == "2023-11-14T22:13:20Z"


def test_what_openssf_signed_with_a_certificate_is_verified() -> None:
    signature = (SIGNED / "certificate.folder.sig").read_bytes()
    verified = judged(signature, FOLDER, trusted=(SIGNED / "root.pem").read_text())
    assert verified.signer.startswith("release team sha256:")


def test_ed25519_signs_too() -> None:
    key = signers.new_ed25519()
    judged(signers.signature(FOLDER, key=key), FOLDER, trusted=signers.public_pem(key))


OTHERS: dict[str, tuple[Mapping[str, bytes], Reason, str]] = {
    "an altered file": ({**FOLDER, "model.onnx": b"another"}, Reason.FILE_ALTERED, "model.onnx"),
    "a missing file": (
        {name: FOLDER[name] for name in ("model.onnx", "weights/a.data")},
        Reason.FILE_MISSING,
        "weights/b.data",
    ),
    "a file more": ({**FOLDER, "model.py": b"import os"}, Reason.FILE_NOT_SIGNED, "model.py"),
    "a renamed file": (
        {"weights.data" if name == "weights/a.data" else name: FOLDER[name] for name in FOLDER},
        Reason.FILE_NOT_SIGNED,
        "weights.data",
    ),
    "swapped files": (
        {**FOLDER, "weights/a.data": b"second\n", "weights/b.data": b"first\n"},
        Reason.FILE_ALTERED,
        "weights/a.data",
    ),
    "another model": (
        {"model.onnx": b"x", "weights/a.data": b"y", "weights/b.data": b"z"},
        Reason.SIGNED_FOR_ANOTHER,
        "digits",
    ),
}


@pytest.mark.parametrize(("files", "reason", "says"), OTHERS.values(), ids=OTHERS)
def test_other_files_than_were_signed(
    files: Mapping[str, bytes], reason: Reason, says: str
) -> None:
    signature = signers.signature(FOLDER, key=KEY)
    with pytest.raises(Failure, match=says) as caught:
        judged(signature, files, trusted=signers.public_pem(KEY))
    assert caught.value.reason is reason


def test_one_file_with_other_bytes() -> None:
    with pytest.raises(Failure, match="its one file") as caught:
        judged(signers.signature(b"a", key=KEY), {".": b"b"}, trusted=signers.public_pem(KEY))
    assert caught.value.reason is Reason.FILE_ALTERED


def test_an_older_version_has_another_name() -> None:
    """Both are signed by who is trusted: only what the signature is for tells them apart."""
    older = signers.signature(FOLDER, key=KEY, name="digits-2")
    judged(older, FOLDER, trusted=signers.public_pem(KEY), name="digits-2")
    with pytest.raises(Failure, match="digits-3") as caught:
        judged(older, FOLDER, trusted=signers.public_pem(KEY), name="digits-3")
    assert caught.value.reason is Reason.SIGNED_FOR_ANOTHER


def test_a_key_that_nobody_trusts() -> None:
    with pytest.raises(Failure, match=r"security\.trust") as caught:
        judged(
            signers.signature(FOLDER, key=KEY),
            FOLDER,
            trusted=signers.public_pem(signers.new_key()),
        )
    assert caught.value.reason is Reason.SIGNER_UNKNOWN


def document(**changes: Any) -> Any:
    found = json.loads(signers.signature(FOLDER, key=KEY))
    return {**found, **changes}


def payload_of(found: Any) -> Any:
    return json.loads(base64.b64decode(found["dsseEnvelope"]["payload"]))


def with_payload(change: Callable[[Any], Any]) -> bytes:
    """The payload changed, and not signed again."""
    found = document()
    changed = base64.b64encode(json.dumps(change(payload_of(found))).encode()).decode()
    found["dsseEnvelope"]["payload"] = changed
    return json.dumps(found).encode()


def renamed(payload: Any) -> Any:
    payload["subject"][0]["name"] = "other"
    return payload


def spoiled(**envelope: Any) -> bytes:
    found = document()
    found["dsseEnvelope"] |= envelope
    return json.dumps(found).encode()


INVALID: dict[str, bytes] = {
    "a payload that was changed": with_payload(renamed),
    "a signature that was changed": spoiled(signatures=[{"sig": base64.b64encode(b"x").decode()}]),
    "no signature": spoiled(signatures=[]),
    "another kind of payload": spoiled(payloadType="text/plain"),
    "a payload that is not base64": spoiled(payload="!"),
    "a payload that is a number": spoiled(payload=7),
    "another kind of bundle": json.dumps(document(mediaType="application/json")).encode(),
    "a bundle without an envelope": json.dumps(
        {key: value for key, value in document().items() if key != "dsseEnvelope"}
    ).encode(),
    "no JSON": b"-----BEGIN SIGNATURE-----",
    "nothing": b"",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "not UTF-8": b"\xff\xfe",
    "too many certificates": json.dumps(
        document(
            verificationMaterial={
                "x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}] * 9}
            }
        )
    ).encode(),
    "a certificate that is none": json.dumps(
        document(verificationMaterial={"certificate": {"rawBytes": "AA=="}})
    ).encode(),
}


@pytest.mark.parametrize("signature", INVALID.values(), ids=INVALID)
def test_what_is_no_signature(signature: bytes) -> None:
    with pytest.raises(Failure) as caught:
        judged(signature, FOLDER, trusted=signers.public_pem(KEY))
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def signed_payload(change: Callable[[Any], Any]) -> bytes:
    """What a trusted signer signed, and what is no statement all the same."""
    found = document()
    payload = json.dumps(change(payload_of(found))).encode()
    signature = KEY.sign(pre_authentication(payload), ec.ECDSA(anchors.hash_of(KEY.public_key())))
    found["dsseEnvelope"] |= {
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(found).encode()


def put(path: str, value: Any) -> Callable[[Any], Any]:
    def change(payload: Any) -> Any:
        at = payload
        *parts, last = path.split(".")
        for part in parts:
            at = at[int(part) if part.isdigit() else part]
        at[int(last) if last.isdigit() else last] = value
        return payload

    return change


STATEMENTS: dict[str, Callable[[Any], Any]] = {
    "another type": put("_type", "https://in-toto.io/Statement/v0.1"),
    "another predicate": put("predicateType", "https://slsa.dev/provenance/v1"),
    "the predicate of before 1.0": put("predicateType", "https://model_signing/Digests/v0.1"),
    "two subjects": lambda payload: {**payload, "subject": payload["subject"] * 2},
    "no subject": put("subject", []),
    "a digest of the whole that is not so": put("subject.0.digest.sha256", "0" * 64),
    "parts of files": put("predicate.serialization.method", "shards"),
    "another algorithm": put("predicate.resources.0.algorithm", "blake2b"),
    "a short digest": put("predicate.resources.0.digest", "ab"),
    "a digest that is a number": put("predicate.resources.0.digest", 7),
    "a file twice": put("predicate.resources.1.name", "model.onnx"),
    "a name that is a list": put("predicate.resources.0.name", []),
    "no files": put("predicate.resources", []),
    "a name that is a number": put("subject.0.name", 7),
    "a list": lambda payload: [],
    "nothing": lambda payload: None,
}


@pytest.mark.parametrize("change", STATEMENTS.values(), ids=STATEMENTS)
def test_what_is_no_statement(change: Callable[[Any], Any]) -> None:
    with pytest.raises(Failure) as caught:
        judged(signed_payload(change), FOLDER, trusted=signers.public_pem(KEY))
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_a_field_that_is_new_is_not_asked_about() -> None:
    judged(signed_payload(put("predicate.card", {"a": 1})), FOLDER, trusted=signers.public_pem(KEY))


def test_a_statement_is_the_same_however_its_files_came() -> None:
    one, other = signers.statement(FOLDER), signers.statement(dict(reversed(FOLDER.items())))
    assert one.payload() == other.payload()
    assert Statement.parse(one.payload()) == one


ROOT, MIDDLE, LEAF = signers.new_key(), signers.new_key(), signers.new_key()
ROOT_CERTIFICATE = signers.certificate("root", key=ROOT, issuer="root", by=ROOT, authority=True)
MIDDLE_CERTIFICATE = signers.certificate(
    "middle", key=MIDDLE, issuer="root", by=ROOT, authority=True
)


def leaf(**fields: Any) -> Any:
    return signers.certificate("team", key=LEAF, issuer="middle", by=MIDDLE, **fields)


def test_a_certificate_that_has_run_out_still_speaks_for_what_it_signed() -> None:
    signature = signers.signature(FOLDER, key=LEAF, chain=(leaf(), MIDDLE_CERTIFICATE))
    assert leaf().not_valid_after_utc < datetime.datetime.now(datetime.UTC)
    verified = judged(signature, FOLDER, trusted=signers.certificate_pem(ROOT_CERTIFICATE))
    assert verified.signer.startswith("team sha256:")


NOT_AUTHORITY = signers.certificate("middle", key=MIDDLE, issuer="root", by=ROOT)
ONLY_SAYS_SO = signers.certificate("middle", key=MIDDLE, issuer="root", by=ROOT, certifies=True)
NOT_FOR_CERTIFICATES = signers.certificate(
    "middle", key=MIDDLE, issuer="root", by=ROOT, authority=True, certifies=False
)
TOO_SHORT = signers.certificate(
    "root", key=ROOT, issuer="root", by=ROOT, authority=True, path_length=0
)
CHAINS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "the middle is missing": ((leaf(),), ROOT_CERTIFICATE),
    "the middle is no authority": ((leaf(), NOT_AUTHORITY), ROOT_CERTIFICATE),
    "the middle may certify and is no authority": ((leaf(), ONLY_SAYS_SO), ROOT_CERTIFICATE),
    "the middle may not certify": ((leaf(), NOT_FOR_CERTIFICATES), ROOT_CERTIFICATE),
    "the root allows no middle": ((leaf(), MIDDLE_CERTIFICATE), TOO_SHORT),
    "another root": (
        (leaf(), MIDDLE_CERTIFICATE),
        signers.certificate("root", key=LEAF, issuer="root", by=LEAF, authority=True),
    ),
    "not for signing": ((leaf(signs=False), MIDDLE_CERTIFICATE), ROOT_CERTIFICATE),
    "made before its root": (
        (leaf(start=datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)), MIDDLE_CERTIFICATE),
        ROOT_CERTIFICATE,
    ),
}


@pytest.mark.parametrize(("chain", "root"), CHAINS.values(), ids=CHAINS)
def test_a_certificate_that_leads_to_no_root(chain: tuple[Any, ...], root: Any) -> None:
    with pytest.raises(Failure) as caught:
        judged(
            signers.signature(FOLDER, key=LEAF, chain=chain),
            FOLDER,
            trusted=signers.certificate_pem(root),
        )
    assert caught.value.reason is Reason.SIGNER_UNKNOWN


def test_a_certificate_of_another_key() -> None:
    """Certificates are public: whoever has one cannot sign with it."""
    with pytest.raises(Failure) as caught:
        judged(
            signers.signature(FOLDER, key=KEY, chain=(leaf(), MIDDLE_CERTIFICATE)),
            FOLDER,
            trusted=signers.certificate_pem(ROOT_CERTIFICATE),
        )
    assert caught.value.reason is Reason.SIGNATURE_INVALID


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
USELESS: dict[str, str] = {
    "nothing": "",
    "something else": "ssh-ed25519 AAAA",
    "a private key": signers.private_pem(KEY).decode(),
    "an RSA key": RSA.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "another curve": signers.public_pem(ec.generate_private_key(ec.SECP256K1())),
    "a key that cannot be read": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
}


@pytest.mark.parametrize("text", USELESS.values(), ids=USELESS)
def test_what_cannot_be_trusted(text: str) -> None:
    with pytest.raises(Failure, match="public keys of signers") as caught:
        anchors.parse(text, name="signer.pub")
    assert caught.value.reason is Reason.SIGNER_UNKNOWN
    assert "BEGIN" not in caught.value.message


def test_a_file_may_hold_several() -> None:
    text = signers.public_pem(KEY) + signers.certificate_pem(ROOT_CERTIFICATE)
    found = anchors.parse(f"# the team\n{text}", name="signers")
    assert [one.signer.split(":")[0] for one in found] == ["signers sha256"] * 2


def test_a_bundle_is_not_read_before_its_signer_is_known() -> None:
    """What is parsed of an unknown signer is the bundle, and never what it holds."""
    bundle = Bundle.parse(with_payload(lambda payload: {"_type": object.__name__}))
    assert bundle.signer(anchors.parse(signers.public_pem(KEY), name="x")) is None
