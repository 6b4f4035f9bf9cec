"""`modelservice-seal`: what it makes is what fetch opens, and nothing secret leaves a file."""

import json
import os
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from modelservice_runtime.artifacts.sealing.command import PASSPHRASE, program
from tests.runtime.artifacts.sealing import signers
from tests.runtime.artifacts.test_programs import Pod
from tests.runtime.examples import linear, model_entry
from tests.runtime.s3 import ACCESS, S3, SECRET

MODEL = linear().SerializeToString()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user works: a model folder, and keys."""
    folder = tmp_path / "desk"
    (folder / "digits").mkdir(parents=True)
    (folder / "digits/digits.onnx").write_bytes(MODEL)
    (folder / "digits/notes").mkdir()
    (folder / "digits/notes/README.md").write_text("Digits.")
    (folder / "digits/model.sig").write_text("an older signature")
    monkeypatch.chdir(folder)
    assert program(["keygen", "signing", "team.key"], environ={}) == 0
    assert program(["keygen", "encryption", "digits.key"], environ={}) == 0
    return folder


def seal(*arguments: str, **environ: str) -> int:
    return program(["seal", *arguments], environ=environ)


def unseal(*arguments: str) -> int:
    return program(["open", *arguments], environ={})


SEALED = ("--sign-key", "team.key", "--encrypt-key", "digits.key")
TRUSTED = ("--public-key", "team.key.pub", "--encrypt-key", "digits.key")


def test_keys_are_their_owners_and_never_written_over(
    desk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("team.key", "digits.key"):
        assert stat.S_IMODE((desk / name).stat().st_mode) == 0o600
        before = (desk / name).read_text()
        kind = "signing" if name == "team.key" else "encryption"
        assert program(["keygen", kind, name], environ={}) == 1
        assert (desk / name).read_text() == before
    assert "never written over" in caplog.text
    (desk / "other.key.pub").write_text("somebody's")
    assert program(["keygen", "signing", "other.key"], environ={}) == 1
    assert not (desk / "other.key").exists()


def test_a_folder_is_sealed_and_opened(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seal("digits", *SEALED, "--name", "digits-3") == 0
    source = yaml.safe_load(capsys.readouterr().out)["source"]
    assert source["uri"] == "s3://BUCKET/PATH/digits.tar.zst.sealed"
    assert source["signature"] == {"name": "digits-3"}
    assert set(source) == {"uri", "sha256", "encryption", "signature"}
    assert unseal("digits.tar.zst.sealed", "--output", "out", *TRUSTED, "--name", "digits-3") == 0
    files = {str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file()}
    assert files == {"digits.onnx", "notes/README.md"}
    assert Path("out/digits.onnx").read_bytes() == MODEL


@pytest.mark.parametrize("name", ["a: b, {c}", "digits #3", "'", '"'])
def test_what_is_printed_is_yaml_whatever_the_name(
    name: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seal("digits", "--sign-key", "team.key", "--name", name) == 0
    assert yaml.safe_load(capsys.readouterr().out)["source"]["signature"] == {"name": name}


def test_a_sealed_folder_has_the_same_bytes_for_everyone(desk: Path) -> None:
    """Without encryption: a digest in two repositories is the same for the same model."""
    assert seal("digits", "--output", "one") == 0
    os.utime(desk / "digits/digits.onnx", (1, 1))
    assert seal("digits", "--output", "two") == 0
    assert Path("one").read_bytes() == Path("two").read_bytes()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "digits.onnx.zst"),
        (("--compress", "none"), "digits.onnx"),
        (("--encrypt-key", "digits.key"), "digits.onnx.zst.sealed"),
        (("--encrypt-key", "digits.key", "--compress", "none"), "digits.onnx.sealed"),
    ],
)
def test_a_file_is_sealed_as_is_asked(options: tuple[str, ...], name: str, desk: Path) -> None:
    assert seal("digits/digits.onnx", *options) == 0
    key = [one for one in options if one not in ("--compress", "none")]
    assert unseal(name, "--output", "out", *key) == 0
    assert Path("out/model").read_bytes() == MODEL


def test_what_is_sealed_and_uploaded_is_served(
    desk: Path, tmp_path: Path, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = "s3://models/command/digits"
    environ = {
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": s3.endpoint,
    }
    assert seal("digits", *SEALED, "--upload", uri, **environ) == 0
    source = yaml.safe_load(capsys.readouterr().out)["source"]
    for secret, files in {
        "digits-key": {"key": "digits.key"},
        "model-signers": {"team.pub": "team.key.pub"},
    }.items():
        (tmp_path / secret).mkdir()
        for name, origin in files.items():
            (tmp_path / secret / name).write_bytes((desk / origin).read_bytes())
    pod = Pod(tmp_path, s3)
    pod.wants(
        model_entry(
            uri=source["uri"],
            digest=f"sha256:{source['sha256']}",
            stated=True,
            encryption={"key": str(tmp_path / "digits-key/key")},
            signature=source["signature"],
            trust={"publicKeys": str(tmp_path / "model-signers")},
        )
    )
    assert pod.fetch()["models"][0]["signer"].startswith("team.pub sha256:")
    assert (pod.places.models / "digits/1/model.onnx").read_bytes() == MODEL


def test_a_signing_key_may_have_a_passphrase(desk: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = {PASSPHRASE: "open sesame"}
    assert program(["keygen", "signing", "safe.key"], environ=secret) == 0
    assert b"ENCRYPTED" in (desk / "safe.key").read_bytes()
    model = ("digits/digits.onnx", "--sign-key")
    assert seal(*model, "safe.key", **secret) == 0
    assert seal(*model, "safe.key") == 1
    assert "set MODELSERVICE_SEAL_PASSPHRASE" in caplog.text
    assert seal(*model, "safe.key", **{PASSPHRASE: "wrong"}) == 1
    assert seal(*model, "team.key", **secret) == 1
    assert "unset MODELSERVICE_SEAL_PASSPHRASE" in caplog.text
    assert "open sesame" not in caplog.text


def test_a_certificate_goes_along(desk: Path) -> None:
    key = serialization.load_pem_private_key((desk / "team.key").read_bytes(), None)
    root = signers.new_key()
    top = signers.certificate("root", key=root, issuer="root", by=root, authority=True)
    leaf = signers.certificate("team", key=key, issuer="root", by=root)  # type: ignore[arg-type]
    (desk / "root.pem").write_text(signers.certificate_pem(top))
    (desk / "team.pem").write_text(signers.certificate_pem(leaf))
    assert seal("digits", "--sign-key", "team.key", "--certificates", "team.pem") == 0
    assert unseal("digits.tar.zst", "--output", "out", "--public-key", "root.pem") == 0
    assert seal("digits", "--sign-key", "team.key", "--certificates", "root.pem") == 1
    material = json.loads((desk / "digits.tar.zst.sig").read_bytes())["verificationMaterial"]
    assert len(material["x509CertificateChain"]["certificates"]) == 1
    assert isinstance(leaf, x509.Certificate)


def other_key(desk: Path) -> None:
    (desk / "digits.key").unlink()
    program(["keygen", "encryption", "digits.key"], environ={})


def other_signer(desk: Path) -> None:
    (desk / "team.key.pub").write_text(signers.public_pem(signers.new_key()))


def damage(desk: Path) -> None:
    path = desk / "digits.tar.zst.sealed"
    path.write_bytes(path.read_bytes()[:-1])


def other_model(desk: Path) -> None:
    signature = (desk / "digits.tar.zst.sealed.sig").read_bytes()
    (desk / "digits/digits.onnx").write_bytes(b"another")
    seal("digits", *SEALED)
    (desk / "digits.tar.zst.sealed.sig").write_bytes(signature)


@pytest.mark.parametrize("change", [other_key, other_signer, damage, other_model])
def test_what_is_not_right_is_not_opened(
    change: object, desk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert seal("digits", *SEALED) == 0
    change(desk)  # type: ignore[operator]
    assert unseal("digits.tar.zst.sealed", "--output", "out", *TRUSTED) == 1
    assert not (desk / "out").exists()
    assert "modelservice-seal: " in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing",),
        ("digits", "--sign-key", "digits.key"),
        ("digits", "--sign-key", "missing"),
        ("digits", "--sign-key", "team.key.pub"),
        ("digits", "--encrypt-key", "team.key"),
        ("digits", "--encrypt-key", "missing"),
        ("digits", "--sign-key", "team.key", "--certificates", "team.key.pub"),
        ("digits", "--upload", "s3://models/x"),
        ("digits", "--name", " 3"),
        ("digits", "--name", "d" * 129),
        ("digits", "--name", "züge"),
        ("empty",),
        ("linked",),
    ],
)
def test_what_cannot_be_sealed_leaves_nothing(arguments: tuple[str, ...], desk: Path) -> None:
    (desk / "empty").mkdir()
    (desk / "linked").mkdir()
    (desk / "linked/model.onnx").symlink_to(desk / "digits/digits.onnx")
    before = {path.name for path in desk.iterdir()}
    assert seal(*arguments) == 1
    assert {path.name for path in desk.iterdir()} == before


def test_nothing_secret_is_said(
    desk: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        assert seal("digits", *SEALED) == 0
    said = caplog.text + capsys.readouterr().out
    for name in ("team.key", "digits.key"):
        for line in (desk / name).read_text().splitlines():
            assert line.startswith("-----") or line not in said
