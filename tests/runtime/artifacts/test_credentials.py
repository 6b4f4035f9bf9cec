"""A Secret that is missing or incomplete is named, with the key that it lacks."""

from pathlib import Path

import pytest

from modelservice_runtime.artifacts.credentials import Access, read
from modelservice_runtime.failure import Failure, Reason

KEYS = {"AWS_ACCESS_KEY_ID": "someone\n", "AWS_SECRET_ACCESS_KEY": "hidden"}


def mounted(folder: Path, **values: str) -> Path:
    """A Secret as the kubelet mounts it: links through a folder that it swaps."""
    (folder / "..data").mkdir(parents=True)
    for key, value in values.items():
        (folder / "..data" / key).write_text(value)
        (folder / key).symlink_to(Path("..data") / key)
    return folder


def test_a_secret_is_read_as_the_kubelet_mounts_it(tmp_path: Path) -> None:
    secret = mounted(
        tmp_path / "storage",
        **KEYS,
        AWS_ENDPOINT_URL="http://s3:9000",
        AWS_REGION="eu-central-1",
        AWS_SESSION_TOKEN="token",
    )
    assert read(secret, environ={}) == Access(
        endpoint="http://s3:9000",
        region="eu-central-1",
        access_key_id="someone",
        secret_access_key="hidden",
        session_token="token",
    )


def test_the_platform_gives_what_the_secret_leaves_out(tmp_path: Path) -> None:
    secret = mounted(tmp_path / "storage", **KEYS)
    platform = {"MODELSERVICE_S3_ENDPOINT": "http://s3:1", "MODELSERVICE_S3_REGION": "us-west-2"}
    access = read(secret, environ=platform)
    assert (access.endpoint, access.region) == ("http://s3:1", "us-west-2")
    access = read(secret, environ={"MODELSERVICE_S3_ENDPOINT": ""})
    assert (access.endpoint, access.region) == (None, "us-east-1")


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    secret = mounted(tmp_path / "storage", **KEYS, AWS_SESSION_TOKEN="token")
    shown = repr(read(secret, environ={}))
    assert not any(value in shown for value in ("hidden", "token", "someone"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "storage does not exist"),
        ({"AWS_REGION": "us-east-1"}, "storage does not exist in this namespace or has no keys"),
        ({"AWS_ACCESS_KEY_ID": "someone"}, "storage has no key AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": " ", "AWS_SECRET_ACCESS_KEY": "x"}, "no key AWS_ACCESS_KEY_ID"),
        ({**KEYS, "AWS_REGION": "evil.example/#"}, "AWS_REGION"),
    ],
)
def test_what_is_missing_is_named(values: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=told) as caught:
        read(mounted(tmp_path / "storage", **values), environ={})
    assert caught.value.reason is Reason.SECRET_MISSING


def test_an_optional_secret_that_is_not_mounted_at_all_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="The Secret storage does not exist"):
        read(tmp_path / "storage", environ={})
