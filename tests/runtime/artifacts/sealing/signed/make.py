"""Makes the signatures beside this file with OpenSSF's own library, and lets it verify ours.

    python -m venv /tmp/ms && /tmp/ms/bin/pip install model-signing pyopenssl zstandard obstore
    PYTHONPATH=runtime /tmp/ms/bin/python tests/runtime/artifacts/sealing/signed/make.py

The library (1.1.1) is no dependency of the tests: its own are many. What it made is kept here, with
the public keys; the private ones were thrown away.
"""

import datetime
import hashlib
import tempfile
from pathlib import Path

import model_signing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelservice_runtime.artifacts.sealing import bundle
from modelservice_runtime.artifacts.sealing.statement import Statement

HERE = Path(__file__).parent
MODEL = {"model.onnx": b"a graph\n", "weights/a.data": b"first\n", "weights/b.data": b"second\n"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "digits"
        for file, content in MODEL.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        one = work / "digits.onnx"
        one.write_bytes(MODEL["model.onnx"])
        for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
            key, private = new_key(curve, work=work)
            public = HERE / f"{curve.name}.pub"
            public.write_bytes(pem(key.public_key()))
            signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=private)
            signer.sign(one, HERE / f"{curve.name}.file.sig")
            signer.sign(folder, HERE / f"{curve.name}.folder.sig")
            ours(key, folder=folder, one=one, public=public, work=work)
        certified(folder, work=work)


def certified(folder: Path, *, work: Path) -> None:
    root, _ = new_key(ec.SECP256R1(), work=work)
    middle, _ = new_key(ec.SECP256R1(), work=work)
    leaf, private = new_key(ec.SECP256R1(), work=work)
    certificates = {
        "root": certificate("root", key=root, issuer="root", by=root, authority=True),
        "middle": certificate("middle", key=middle, issuer="root", by=root, authority=True),
        "leaf": certificate("release team", key=leaf, issuer="middle", by=middle),
    }
    for name, one in certificates.items():
        (work / f"{name}.pem").write_bytes(one.public_bytes(serialization.Encoding.PEM))
    (HERE / "root.pem").write_bytes((work / "root.pem").read_bytes())
    model_signing.signing.Config().use_certificate_signer(
        private_key=private,
        signing_certificate=work / "leaf.pem",
        certificate_chain=[work / "middle.pem"],
    ).sign(folder, HERE / "certificate.folder.sig")
    chain = [certificates["leaf"], certificates["middle"]]
    (work / "ours.sig").write_bytes(bundle.sign(statement(folder), key=leaf, chain=chain))
    model_signing.verifying.Config().use_certificate_verifier(
        certificate_chain=[work / "root.pem"]
    ).verify(folder, work / "ours.sig")


def ours(
    key: ec.EllipticCurvePrivateKey, *, folder: Path, one: Path, public: Path, work: Path
) -> None:
    verifier = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public)
    for model in (folder, one):
        (work / "ours.sig").write_bytes(bundle.sign(statement(model), key=key))
        verifier.verify(model, work / "ours.sig")


def statement(model: Path) -> Statement:
    files = {".": model} if model.is_file() else {name: model / name for name in MODEL}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return Statement(name=model.name, files=digests)


def new_key(curve: ec.EllipticCurve, *, work: Path) -> tuple[ec.EllipticCurvePrivateKey, Path]:
    key = ec.generate_private_key(curve)
    path = work / f"{id(key)}.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return key, path


def pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate(
    name: str,
    *,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    authority: bool = False,
) -> x509.Certificate:
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return builder.sign(by, hashes.SHA256())


if __name__ == "__main__":
    main()
