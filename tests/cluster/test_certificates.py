"""Certificates that openssl itself accepts, made once."""

import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.cluster import certificates, kubeconfig
from e2e.cluster.certificates import Authority, Certificate


def openssl(*arguments: str) -> str:
    return subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "pki")
    made.ensure()
    return made


def issue(authority: Authority) -> Certificate:
    hosts = ("DNS:localhost", "IP:198.18.0.1")
    return authority.issue("server", subject="/O=group/CN=name", hosts=hosts)


def test_what_is_issued_is_signed_and_says_who_it_is(authority: Authority) -> None:
    issued = issue(authority)
    openssl("verify", "-CAfile", str(authority.certificate), str(issued.certificate))
    told = openssl("x509", "-noout", "-text", "-in", str(issued.certificate))
    assert "CA:FALSE" in told
    assert "CA:TRUE" not in told
    assert "DNS:localhost, IP Address:198.18.0.1" in told
    assert "O = group, CN = name" in told or "O=group, CN=name" in told


def test_everything_is_made_once(authority: Authority) -> None:
    issued = issue(authority)
    before = {path: path.read_bytes() for path in authority.directory.iterdir()}
    authority.ensure()
    assert issue(authority) == issued
    assert {path: path.read_bytes() for path in authority.directory.iterdir()} == before


def test_an_authority_that_expires_takes_what_it_signed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setattr(certificates, "DAYS", "20")
    authority.ensure()
    old = issue(authority).certificate.read_bytes()
    monkeypatch.setattr(certificates, "DAYS", "3650")
    authority.ensure()
    new = issue(authority)
    assert new.certificate.read_bytes() != old
    openssl("verify", "-CAfile", str(authority.certificate), str(new.certificate))


def test_a_killed_openssl_leaves_nothing_that_counts(authority: Authority) -> None:
    """Key there, certificate unfinished: both are made again, and match."""
    issued = issue(authority)
    issued.certificate.unlink()
    issued.key.write_text("half a key")
    issue(authority)
    public = openssl("pkey", "-pubout", "-in", str(issued.key))
    assert openssl("x509", "-noout", "-pubkey", "-in", str(issued.certificate)) == public


def test_keys_are_nobody_elses_to_read(authority: Authority) -> None:
    assert authority.directory.stat().st_mode & 0o077 == 0


def test_a_kubeconfig_needs_no_file_but_itself(authority: Authority, tmp_path: Path) -> None:
    target = tmp_path / "kubeconfig"
    issued = issue(authority)
    kubeconfig.write(target, server="https://198.18.0.1:6443", authority=authority, identity=issued)
    text = target.read_text()
    document = yaml.safe_load(text)
    assert document["clusters"][0]["cluster"]["server"] == "https://198.18.0.1:6443"
    assert document["current-context"] == document["contexts"][0]["name"]
    assert str(authority.directory) not in text
    assert target.stat().st_mode & 0o077 == 0
