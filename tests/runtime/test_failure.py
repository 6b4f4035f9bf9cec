"""A failure's reason decides whether it heals; what heals is waited for, but not for ever."""

from collections.abc import Callable

import pytest

from modelservice_runtime.failure import Failure, Reason, patience, patiently

HEALING = {
    "SecretMissing",
    "AccessDenied",
    "SourceNotFound",
    "StorageUnavailable",
    "SourceChanged",
    "EndpointRefused",
    "LoadFailed",
    "SourceRefused",
    "DecryptionFailed",
    "SignatureMissing",
    "SignatureInvalid",
    "SignerUnknown",
}


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("reason", list(Reason))
def test_the_exit_code_says_whether_a_reason_heals(reason: Reason) -> None:
    failure = Failure(reason=reason, message="Do something.")
    assert failure.heals is (str(reason) in HEALING)
    assert failure.exit_code == (43 if failure.heals else 42)


def failing(*reasons: Reason, result: str = "done") -> Callable[[], str]:
    """Fails once for each reason, then returns."""
    left = list(reasons)

    def attempt() -> str:
        if left:
            raise Failure(reason=left.pop(0), message="Do something.")
        return result

    return attempt


def test_what_heals_is_tried_again_with_growing_waits() -> None:
    time, heard = Time(), list[Failure]()
    attempt = failing(*[Reason.SECRET_MISSING] * 5)
    got = patiently(
        attempt, seconds=60, on_wait=heard.append, clock=lambda: time.now, sleep=time.sleep
    )
    assert got == "done"
    assert time.waits == [2, 4, 8, 10, 10]
    assert [failure.reason for failure in heard] == [Reason.SECRET_MISSING] * 5


def test_patience_ends_with_the_last_failure() -> None:
    time = Time()
    attempt = failing(*[Reason.ACCESS_DENIED] * 3, *[Reason.STORAGE_UNAVAILABLE] * 9)
    with pytest.raises(Failure) as caught:
        patiently(attempt, seconds=30, clock=lambda: time.now, sleep=time.sleep)
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    assert sum(time.waits) <= 30


def test_a_first_try_that_took_long_leaves_patience_for_the_next() -> None:
    time = Time()
    attempt = failing(Reason.STORAGE_UNAVAILABLE)

    def slow() -> str:
        time.now += 600
        return attempt()

    assert patiently(slow, seconds=60, clock=lambda: time.now, sleep=time.sleep) == "done"


def test_what_waits_for_a_spec_is_not_tried_again() -> None:
    time = Time()
    with pytest.raises(Failure):
        patiently(
            failing(Reason.MODEL_INVALID), seconds=60, clock=lambda: time.now, sleep=time.sleep
        )
    assert time.waits == []


def test_patience_comes_from_the_environment() -> None:
    assert patience({}) == 60
    assert patience({"MODELSERVICE_PATIENCE": "5"}) == 5
