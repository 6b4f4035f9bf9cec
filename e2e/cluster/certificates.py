"""Certificates of one cluster: an authority of its own, and what it signs, made by openssl.

Everything is made once and reused while it is valid for another month. Keys are P-256: made in
milliseconds, where RSA would be most of a test control plane's start-up.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAYS = "3650"
MONTH = str(30 * 24 * 3600)
# openssl's own configuration would add extensions (basicConstraints=CA:TRUE) to what is signed.
CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n"


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)


def _valid(certificate: Path) -> bool:
    if not certificate.exists():
        return False
    check = ["openssl", "x509", "-noout", "-checkend", MONTH, "-in", str(certificate)]
    return subprocess.run(check, check=False, stdout=subprocess.DEVNULL).returncode == 0


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority that keeps all of its files in `directory`."""

    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def key(self) -> Path:
        return self.directory / "ca.key"

    @property
    def service_account_key(self) -> Path:
        """Private key that signs service-account tokens."""
        return self.directory / "service-account.key"

    @property
    def service_account_public_key(self) -> Path:
        return self.directory / "service-account.pub"

    def ensure(self) -> None:
        """Make the authority and the service-account keys, where they are not there yet.

        An authority that is about to expire is made again together with all that it signed.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _valid(self.certificate):
            for old in self.directory.iterdir():
                old.unlink()
            (self.directory / "openssl.cnf").write_text(CONFIGURATION)
            uses = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
            extensions = ["basicConstraints=critical,CA:TRUE", uses]
            self._request("ca", subject="/CN=modelservice-dev", extensions=extensions, signed=False)
        if not self.service_account_public_key.exists():
            curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            _openssl("genpkey", *curve, "-out", str(self.service_account_key))
            source, target = str(self.service_account_key), str(self.service_account_public_key)
            _openssl("pkey", "-in", source, "-pubout", "-out", target)

    def issue(self, name: str, *, subject: str, hosts: Sequence[str] = ()) -> Certificate:
        """The certificate `name` for `subject` (`/O=…/CN=…`), made if it is not there yet.

        `hosts` are the subject alternative names as openssl writes them: `DNS:…`, `IP:…`.
        """
        issued = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        if not _valid(issued.certificate):
            extensions = [
                "basicConstraints=critical,CA:FALSE",
                "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=serverAuth,clientAuth",
            ]
            if hosts:
                extensions.append("subjectAltName=" + ",".join(hosts))
            self._request(name, subject=subject, extensions=extensions, signed=True)
        return issued

    def _request(self, name: str, *, subject: str, extensions: Sequence[str], signed: bool) -> None:
        """Make key and certificate; the certificate last, because its presence means done."""
        key, certificate = self.directory / f"{name}.key", self.directory / f"{name}.crt"
        unfinished = self.directory / f"{name}.unfinished"
        arguments = ["req", "-x509", "-config", str(self.directory / "openssl.cnf"), "-nodes"]
        arguments += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", DAYS]
        arguments += ["-keyout", str(key), "-out", str(unfinished), "-subj", subject]
        if signed:
            arguments += ["-CA", str(self.certificate), "-CAkey", str(self.key)]
        for extension in extensions:
            arguments += ["-addext", extension]
        _openssl(*arguments)
        unfinished.rename(certificate)
