"""Signers for tests: keys, certificates, and the signatures that they make."""

import datetime
import hashlib
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from modelservice_runtime.artifacts.sealing.bundle import PrivateKey, sign
from modelservice_runtime.artifacts.sealing.statement import Statement

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def private_pem(key: PrivateKey, *, passphrase: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )


def new_ed25519() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def statement(files: Mapping[str, bytes], *, name: str = "digits") -> Statement:
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    return Statement(name=name, files=digests)


def signature(
    files: Mapping[str, bytes] | bytes,
    *,
    key: PrivateKey,
    name: str = "digits",
    chain: tuple[x509.Certificate, ...] = (),
) -> bytes:
    """Of a folder, or of one file."""
    content = {".": files} if isinstance(files, bytes) else files
    return sign(statement(content, name=name), key=key, chain=chain)


def certificate(
    name: str,
    *,
    key: PrivateKey,
    issuer: str,
    by: PrivateKey,
    authority: bool = False,
    signs: bool = True,
    start: datetime.datetime = START,
    path_length: int | None = None,
    certifies: bool | None = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=signs and not authority,
                key_cert_sign=authority if certifies is None else certifies,
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


def certificate_pem(one: x509.Certificate) -> str:
    return one.public_bytes(serialization.Encoding.PEM).decode()
