"""The S3 server for models and data sets: versitygw on a directory that outlives it."""

import secrets

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.components.component import Component, answers
from e2e.cluster.places import Places

REGION = "us-east-1"
SERVICE = "s3"
IN_CLUSTER = f"http://{SERVICE}.{at.SYSTEM_NAMESPACE}.svc:{at.S3_PORT}"
ON_THE_NODE = f"http://{at.ADDRESS}:{at.S3_PORT}"


def parse(text: str) -> dict[str, str]:
    """The `NAME=value` lines of an environment file."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def keys(places: Places) -> dict[str, str]:
    """The contents of `s3.env`, which is made at the first call.

    `AWS_*` as a pod's Secret wants them; `S3_HOST_ENDPOINT_URL` is the same server's address for
    programs on this machine, which do not ask the cluster's DNS.
    """
    target = places.state / "s3.env"
    if not target.exists():
        lines = {
            "AWS_ACCESS_KEY_ID": secrets.token_hex(10),
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "AWS_ENDPOINT_URL": IN_CLUSTER,
            "AWS_REGION": REGION,
            "S3_HOST_ENDPOINT_URL": ON_THE_NODE,
        }
        unfinished = target.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        unfinished.rename(target)
    return parse(target.read_text())


def s3(places: Places) -> Component:
    """The S3 server."""
    root = places.state / "s3"
    directories = {name: root / name for name in ("users", "versions", "data")}
    credentials = keys(places)
    command = [
        str(tools.binary("versitygw")),
        f"--port={at.ADDRESS}:{at.S3_PORT}",
        f"--region={REGION}",
        f"--iam-dir={directories['users']}",
        "--quiet",
        "posix",
        f"--versioning-dir={directories['versions']}",
        str(directories["data"]),
    ]
    return Component(
        "s3",
        command,
        answers(ON_THE_NODE, anything=True),
        ports=[(at.ADDRESS, at.S3_PORT)],
        environment={
            "ROOT_ACCESS_KEY": credentials["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": credentials["AWS_SECRET_ACCESS_KEY"],
        },
        directories=list(directories.values()),
    )
