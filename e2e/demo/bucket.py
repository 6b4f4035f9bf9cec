"""Object storage: buckets, files in and out, and the Secret that opens it to pods."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from e2e.demo.surroundings import Storage

SECRET = "modelservice-storage"
DATA, MODELS = "data", "models"


class Bucket:
    """An S3 store. Buckets are made when they are missing; nothing is ever emptied."""

    def __init__(self, storage: Storage) -> None:
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=storage.endpoint,
            aws_access_key_id=storage.secret["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=storage.secret["AWS_SECRET_ACCESS_KEY"],
            region_name=storage.secret["AWS_REGION"],
            # A proxy for the internet knows nothing of a store beside us.
            config=Config(proxies={}, retries={"max_attempts": 5, "mode": "standard"}),
        )

    def ensure(self, *names: str) -> None:
        """Have the buckets `names`."""
        for name in names:
            try:
                self._client.head_bucket(Bucket=name)
            except ClientError:
                # Another process of ours may be faster.
                with suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
                    self._client.create_bucket(Bucket=name)

    def upload(self, source: Path, *, uri: str) -> None:
        """Put a file at `uri` (`s3://bucket/key`)."""
        bucket, key = _split(uri)
        self._client.upload_file(str(source), bucket, key)

    def put(self, data: bytes, *, uri: str) -> None:
        """Put bytes at `uri`."""
        bucket, key = _split(uri)
        self._client.put_object(Bucket=bucket, Key=key, Body=data)

    def read(self, uri: str) -> bytes:
        """The bytes at `uri`."""
        bucket, key = _split(uri)
        data: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def delete(self, uri: str) -> None:
        """Remove what is at `uri`."""
        bucket, key = _split(uri)
        self._client.delete_object(Bucket=bucket, Key=key)

    def keys(self, uri: str) -> list[str]:
        """The URIs of all files below `uri`."""
        bucket, prefix = _split(uri)
        pager = self._client.get_paginator("list_objects_v2")
        pages = pager.paginate(Bucket=bucket, Prefix=prefix)
        return [
            f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())
        ]


def secret(storage: Storage, *, name: str = SECRET) -> dict[str, Any]:
    """The Secret with the store's address and keys."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": dict(storage.secret),
    }


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.removeprefix("/")
