"""Deterministic names of children: valid, at most 63 characters, distinct for distinct inputs.

Only the Service carries the plain name of its ModelService. All others carry a hash, so that a
user who may create ModelServices and nothing else cannot aim one at somebody's existing object.
"""

from __future__ import annotations

import re

from modelservice_operator.canonical import digest

LIMIT = 63


def singleton(*, namespace: str, name: str, role: str) -> str:
    """Name of the one child of a role (`serving`, `scaling`) that a service has."""
    return f"{name}-{role}-{digest([namespace, name, role], length=5)}"


def revision(*, service: str, revision_hash: str) -> str:
    return f"{service}-{revision_hash}"


def check_job(*, service: str, check_hash: str) -> str:
    return f"{service}-check-{check_hash}"


def training_job(*, service: str, model: str, run: str) -> str:
    tail = f"-train-{run}"
    return f"{service}-{_slug(model, room=LIMIT - len(service) - 1 - len(tail))}{tail}"


def conversion_job(*, service: str, model: str, run: str) -> str:
    tail = f"-convert-{run}"
    return f"{service}-{_slug(model, room=LIMIT - len(service) - 1 - len(tail))}{tail}"


def model_version(*, service: str, model: str, number: int) -> str:
    tail = f"-{number}"
    # room for seven digits whatever the number is, or the name of a model would change with it
    return f"{service}-{_slug(model, room=LIMIT - len(service) - 1 - 8)}{tail}"


def label_value(model: str) -> str:
    """A model's name as the value of a label: it may not begin or end with `._-`."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", model):
        return model
    return _slug(model, room=LIMIT)


def volume(secret: str) -> str:
    """Name of the volume (a DNS label) that mounts a Secret (a DNS subdomain)."""
    return f"credentials-{_slug(secret, room=LIMIT - len('credentials-'))}"


def claim_volume(claim: str) -> str:
    """Name of the volume (a DNS label) that mounts a claim (a DNS subdomain)."""
    return f"claim-{_slug(claim, room=LIMIT - len('claim-'))}"


def _slug(text: str, *, room: int) -> str:
    """`text` as part of a DNS label; what had to change carries a hash of the original."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if plain == text and len(plain) <= room:
        return plain
    mark = digest(text, length=min(5, room))
    head = plain[: max(0, room - len(mark) - 1)].strip("-")
    return f"{head}-{mark}" if head else mark
