"""The operator's keys for pushes: which files are taken, and what is said of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from modelservice_operator.controller.signing import MOST, KeyFileError, Signer
from modelservice_operator.push_key import new_key

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *, locked: bool = False
) -> str:
    lock = BestAvailableEncryption(b"secret") if locked else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


def test_without_the_secret_there_is_no_key(tmp_path: Path) -> None:
    assert Signer.read(tmp_path / "missing").public == ()
    assert Signer.read(tmp_path).public == ()


def test_every_key_signs(tmp_path: Path) -> None:
    """As a Secret is mounted: with folders and links of the kubelet's beside the keys."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "2.pem").write_text(new_key())
    (tmp_path / "1.pem").write_text(new_key())
    (tmp_path / "2.pem").symlink_to("..data/2.pem")
    signer = Signer.read(tmp_path)
    assert len(set(signer.public)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no private key in PEM"),
        (PUBLIC.decode(), "holds no private key in PEM"),
        (pem(ED25519, locked=True), "without a passphrase"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "must hold an Ed25519 key"),
    ],
    ids=["empty", "public", "locked", "another algorithm"],
)
def test_a_file_that_cannot_sign_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.pem").write_text(text)
    with pytest.raises(KeyFileError, match=said) as raised:
        Signer.read(tmp_path)
    assert str(tmp_path / "a.pem") in str(raised.value)
    assert not text or text not in str(raised.value)


def test_more_keys_than_agents_look_at_are_refused(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        (tmp_path / f"{number}.pem").write_text(new_key())
    with pytest.raises(KeyFileError, match="4 at most"):
        Signer.read(tmp_path)
