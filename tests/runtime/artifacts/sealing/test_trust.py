"""Who asks for a signature, and whose: a service adds to the platform's policy, and never takes."""

from pathlib import Path

import pytest

from modelservice_runtime.artifacts.sealing import trust
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust, Terms
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing import signers

URI = "s3://models/digits.onnx"
PLATFORM, TEAM, NOBODY = signers.new_key(), signers.new_key(), signers.new_key()
POLICY = PlatformTrust(required=True, keys=(signers.public_pem(PLATFORM),))
OFFER = PlatformTrust(required=False, keys=POLICY.keys)
NONE = PlatformTrust()


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """The mounted Secret with the team's public key."""
    folder = tmp_path / "model-signers"
    (folder / "..data").mkdir(parents=True)
    (folder / "team.pub").write_text(signers.public_pem(TEAM))
    return folder


def seal(
    terms: Terms, *, platform: PlatformTrust, key: object = TEAM, seen: list[str] | None = None
) -> trust.Seal | None:
    def read(uri: str, limit: int) -> bytes:
        if seen is not None:
            seen.append(uri)
        return signers.signature(b"a", key=key)  # type: ignore[arg-type]

    return trust.seal(URI, terms=terms, platform=platform, read=read)


def test_nobody_asks() -> None:
    seen: list[str] = []
    assert seal(Terms(), platform=NONE, seen=seen) is None
    assert seal(Terms(), platform=OFFER, seen=seen) is None
    assert seen == []


def test_the_service_asks(team: Path) -> None:
    seen: list[str] = []
    found = seal(Terms(required=True, anchors=team), platform=NONE, seen=seen)
    assert found is not None
    assert found.signer.startswith("team.pub sha256:")
    assert seen == [f"{URI}.sig"]


def test_a_model_states_its_signature(team: Path) -> None:
    seen: list[str] = []
    seal(Terms(stated=True, signature="s3://b/x.sig", anchors=team), platform=NONE, seen=seen)
    assert seen == ["s3://b/x.sig"]


def test_the_service_trusts_whom_the_platform_trusts() -> None:
    found = seal(Terms(required=True), platform=OFFER, key=PLATFORM)
    assert found is not None
    assert found.signer.startswith("platform sha256:")


def test_own_keys_take_the_place_of_those_that_are_only_offered(team: Path) -> None:
    with pytest.raises(Failure, match=r"spec\.trust"):
        seal(Terms(required=True, anchors=team), platform=OFFER, key=PLATFORM)


@pytest.mark.parametrize("required", [True, False])
def test_a_service_cannot_weaken_what_the_platform_wants(team: Path, required: bool) -> None:
    with pytest.raises(Failure, match=r"security\.trust") as caught:
        seal(Terms(required=required, anchors=team), platform=POLICY, key=TEAM)
    assert caught.value.reason is Reason.SIGNER_UNKNOWN
    with pytest.raises(Failure, match=r"spec\.trust"):
        seal(Terms(required=required, anchors=team), platform=POLICY, key=PLATFORM)


def test_who_both_trust_may_sign(team: Path) -> None:
    (team / "platform.pub").write_text(signers.public_pem(PLATFORM))
    found = seal(Terms(required=True, anchors=team), platform=POLICY, key=PLATFORM)
    assert found is not None
    assert found.signer.startswith("platform sha256:")


def test_a_missing_secret_is_said(tmp_path: Path) -> None:
    terms = Terms(required=True, anchors=tmp_path / "model-signers")
    with pytest.raises(Failure, match="kubectl create secret generic model-signers") as caught:
        seal(terms, platform=NONE)
    assert caught.value.reason is Reason.SECRET_MISSING


def test_nobody_is_trusted() -> None:
    with pytest.raises(Failure, match="publicKeys") as caught:
        seal(Terms(stated=True), platform=NONE)
    assert caught.value.reason is Reason.SIGNER_UNKNOWN


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (Reason.SOURCE_NOT_FOUND, Reason.SIGNATURE_MISSING),
        (Reason.SOURCE_CHANGED, Reason.SIGNATURE_INVALID),
        (Reason.STORAGE_UNAVAILABLE, Reason.STORAGE_UNAVAILABLE),
    ],
)
def test_a_signature_that_cannot_be_read(team: Path, told: Reason, reason: Reason) -> None:
    def read(uri: str, limit: int) -> bytes:
        raise Failure(reason=told, message="No.")

    with pytest.raises(Failure) as caught:
        trust.seal(URI, terms=Terms(stated=True, anchors=team), platform=NONE, read=read)
    assert caught.value.reason is reason
