"""`modelservice-seal`: signs, compresses and encrypts a model, and says how to serve it.

    modelservice-seal keygen signing team.key          once, by who signs
    modelservice-seal keygen encryption digits.key     once for each who may read
    modelservice-seal seal digits/ --sign-key team.key --encrypt-key digits.key --upload s3://…
    modelservice-seal open digits.tar.zst.sealed --output digits --encrypt-key digits.key …

Keys are files, a passphrase and credentials come from the environment: nothing secret is an
argument. What to apply goes to standard output, everything else to standard error.
"""

import argparse
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from cryptography.x509 import Certificate

from modelservice_runtime.artifacts.sealing import anchors, keyfiles, packing, upload
from modelservice_runtime.artifacts.sealing.bundle import LARGEST, PrivateKey, sign
from modelservice_runtime.artifacts.sealing.folder import Room
from modelservice_runtime.artifacts.sealing.opening import open_artifact
from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES, Chunks
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust, Terms
from modelservice_runtime.artifacts.sealing.trust import SUFFIX, seal
from modelservice_runtime.artifacts.transfer import Transfer
from modelservice_runtime.failure import Failure

PASSPHRASE = "MODELSERVICE_SEAL_PASSPHRASE"  # noqa: S105  # the name of a variable

SIGNED_NAME = re.compile(r"(?=.{1,128}\Z)[!-~]([ -~]*[!-~])?")
"""What `source.signature.name` of a ModelService may be."""

log = logging.getLogger("modelservice-seal")


def main() -> NoReturn:
    """Run as a command."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    sys.exit(program(sys.argv[1:], environ=os.environ))


def program(arguments: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Do what the arguments say; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given, environ)
    except Failure as failure:
        log.error("modelservice-seal: %s", failure.message)  # noqa: TRY400
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelservice-seal", description="Seals models: signs, compresses, encrypts."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    keygen = commands.add_parser("keygen", help="make a key file")
    keygen.add_argument("kind", choices=("signing", "encryption"))
    keygen.add_argument("file", type=Path, help="where to write it; a public key goes to FILE.pub")
    keygen.set_defaults(run=_keygen)

    seal_ = commands.add_parser("seal", help="make an artifact of a model")
    seal_.add_argument("model", type=Path, help="a model file, or a folder with a model's files")
    seal_.add_argument("--output", type=Path, help="the artifact (default: named after the model)")
    seal_.add_argument("--sign-key", type=Path, help=f"private key (PEM; passphrase: {PASSPHRASE})")
    seal_.add_argument("--certificates", type=Path, help="the key's certificate and those above it")
    seal_.add_argument("--name", help="what the signature is for, such as digits-3")
    seal_.add_argument("--encrypt-key", type=Path, help="key file of `keygen encryption`")
    seal_.add_argument("--compress", choices=("zstd", "none"), default="zstd")
    seal_.add_argument("--upload", metavar="URI", help="s3://…; credentials: AWS_* variables")
    seal_.set_defaults(run=_seal)

    open_ = commands.add_parser("open", help="verify an artifact and unpack it")
    open_.add_argument("artifact", type=Path)
    open_.add_argument("--output", type=Path, required=True, help="a folder that does not exist")
    open_.add_argument("--encrypt-key", type=Path)
    open_.add_argument("--public-key", type=Path, help="whom to trust: keys or roots (PEM)")
    open_.add_argument("--signature", type=Path, help=f"default: the artifact's name and {SUFFIX}")
    open_.add_argument("--name", help="what the signature must be for")
    open_.set_defaults(run=_open)
    return parser


def _keygen(given: argparse.Namespace, environ: Mapping[str, str]) -> None:
    if given.kind == "encryption":
        keyfiles.new_encryption_key(given.file)
        log.info("Keep %s: nobody opens the models without it. For the cluster:", given.file)
        log.info("kubectl create secret generic NAME --from-file=key=%s", given.file)
        return
    public = keyfiles.new_signing_key(given.file, passphrase=_passphrase(environ))
    log.info("Keep %s secret, and give %s to who verifies. For the cluster:", given.file, public)
    log.info("kubectl create secret generic model-signers --from-file=%s", public)


def _seal(given: argparse.Namespace, environ: Mapping[str, str]) -> None:
    model = packing.Model.of(given.model)
    if not SIGNED_NAME.fullmatch(given.name or model.name):
        raise upload.wrong(
            f"{given.name or model.name!r} cannot be what a signature is for: state a --name of at "
            "most 128 printable ASCII characters, such as digits-3"
        )
    key = keyfiles.encryption_key(given.encrypt_key) if given.encrypt_key else None
    compress = given.compress == "zstd"
    # All that can be wrong is found before the work begins.
    signer: PrivateKey | None = None
    chain: tuple[Certificate, ...] = ()
    if given.sign_key is not None:
        signer = keyfiles.signing_key(given.sign_key, passphrase=_passphrase(environ))
        if given.certificates is not None:
            chain = keyfiles.certificates(given.certificates, key=signer)
    target = upload.target(given.upload, environ=environ) if given.upload else None
    name = model.name + packing.suffix(model, compress=compress, encrypted=key is not None)
    output = given.output or Path(name)
    packed = packing.pack(
        model,
        output=output,
        key=key,
        compress=compress,
        name=given.name,
        on_progress=Transfer(model.name),
    )
    log.info("%s: %d bytes, sha256 %s", output, packed.size, packed.sha256)
    signature = output.with_name(output.name + SUFFIX)
    if signer is not None:
        _write(signature, sign(packed.statement, key=signer, chain=chain))
        log.info("%s: the signature, for %s", signature, packed.statement.name)
    if target is not None:
        upload.upload(target, artifact=output, signature=signature if signer else None)
    sys.stdout.write(
        _source(
            uri=given.upload or f"s3://BUCKET/PATH/{output.name}",
            packed=packed,
            encrypted=key is not None,
            signed=signer is not None,
        )
    )


def _open(given: argparse.Namespace, environ: Mapping[str, str]) -> None:
    key = keyfiles.encryption_key(given.encrypt_key) if given.encrypt_key else None
    found = None
    if given.public_key is not None:
        text = _read(given.public_key).decode(errors="replace")
        anchors.parse(text, name=given.public_key.name)
        place = given.signature or given.artifact.with_name(given.artifact.name + SUFFIX)
        found = seal(
            str(given.artifact),
            terms=Terms(signature=str(place), named=given.name),
            platform=PlatformTrust(required=True, keys=(text,)),
            read=lambda uri, limit: _read(Path(uri), limit=limit + 1),
        )
    disk = os.statvfs(given.output.absolute().parent)
    room = disk.f_bavail * disk.f_frsize
    if given.output.exists():
        raise upload.wrong(f"{given.output} exists already")
    try:
        opened = open_artifact(
            _chunks(given.artifact), key=key, into=given.output, room=Room(left=room, whole=room)
        )
        verified = found.verify(opened.files) if found is not None else None
    except Failure:
        shutil.rmtree(given.output, ignore_errors=True)
        raise
    log.info("%s: %d files", given.output, len(opened.files))
    if verified is not None and found is not None:
        log.info("Signed by %s for %s.", verified.signer, found.statement.name)
    else:
        log.info("Not verified: --public-key states whom to trust.")


def _source(*, uri: str, packed: packing.Packed, encrypted: bool, signed: bool) -> str:
    """The `source` of a model, as YAML."""
    lines = ["source:", f"  uri: {uri}", f"  sha256: {packed.sha256}"]
    if encrypted:
        lines.append("  encryption: {secretRef: {name: NAME-OF-THE-SECRET}}")
    if signed:
        # JSON's strings are YAML's too
        lines.append(f"  signature: {{name: {json.dumps(packed.statement.name)}}}")
    return "\n".join(lines) + "\n"


def _passphrase(environ: Mapping[str, str]) -> bytes | None:
    return environ[PASSPHRASE].encode() if environ.get(PASSPHRASE) else None


def _chunks(path: Path) -> Chunks:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError:
        raise upload.wrong(f"{path} cannot be read") from None


def _read(path: Path, *, limit: int = LARGEST) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError:
        raise upload.wrong(f"{path} cannot be read") from None


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
