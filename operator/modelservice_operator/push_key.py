"""`modelservice-push-key`: makes the Secret with the key that signs pushes, unless there is one.

The chart runs it before an installation and before each upgrade. It needs one right, to create
Secrets in its namespace: it cannot read any, not even its own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modelservice_operator import logs
from modelservice_operator.api import names
from modelservice_operator.kube.client import Client, Manifest
from modelservice_operator.kube.errors import AlreadyExists, ApiError
from modelservice_operator.kube.kinds import Kind

SECRET = Kind("", "v1", "Secret", "secrets")
FILE = "push-1.pem"

log = logging.getLogger(__name__)


def main() -> None:
    """Exit status 0 where the Secret is there now, 1 where it is not."""
    parser = argparse.ArgumentParser(prog="modelservice-push-key", description=__doc__)
    parser.add_argument("--namespace", required=True, help="of the Secret: the operator's")
    parser.add_argument("--secret", required=True, help="its name")
    parser.add_argument("--kubeconfig", help="instead of the pod's service account")
    given = parser.parse_args()
    logs.set_up(level="info", format="json")
    try:
        asyncio.run(_run(given))
    except ApiError as error:
        sys.exit(f"modelservice-push-key: the Secret {given.secret} was not made: {error}")


async def _run(given: argparse.Namespace) -> None:
    client = await Client.connect(kubeconfig=given.kubeconfig, user_agent="modelservice-push-key")
    try:
        await ensure(client, namespace=given.namespace, name=given.secret)
    finally:
        await client.close()


async def ensure(client: Client, *, namespace: str, name: str) -> None:
    """Create the Secret. One that is there stays as it is. Raises ApiError."""
    body = secret(namespace=namespace, name=name)
    try:
        await client.request("POST", SECRET.collection(namespace), kind=SECRET.kind, body=body)
    except AlreadyExists:
        log.info("the Secret %s is there, and stays as it is", name)
    else:
        log.info("the Secret %s has a new key", name)


def secret(*, namespace: str, name: str) -> Manifest:
    """A Secret with a new key. Nothing owns it: it outlives the release."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                names.LABEL_APP_NAME: names.MANAGER,
                names.LABEL_APP_COMPONENT: "push-key",
                names.LABEL_APP_PART_OF: names.APP_NAME,
            },
        },
        "type": "Opaque",
        "data": {FILE: b64encode(new_key().encode()).decode()},
    }


def new_key() -> str:
    """A private key in PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


if __name__ == "__main__":
    main()
