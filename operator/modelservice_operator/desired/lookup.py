"""Which ModelVersion a model gets that refers to the registry, or why it gets none. Pure.

What another namespace holds is only looked at through its grants: an answer is the same whether a
version that is not granted exists or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from modelservice_operator.api import (
    GrantTo,
    InvalidSpec,
    Model,
    Pick,
    names,
    parse_grant,
)
from modelservice_operator.desired.references import Reference, selects
from modelservice_operator.view import Manifest, View

_KIND = {"apiVersion": names.API_VERSION, "kind": names.KIND_GRANT}  # items of a list have none


@dataclass(frozen=True, slots=True)
class Missing:
    """A model that has no version now. It heals when the registry changes."""

    model: str
    reason: str
    message: str


def look_up(model: Model, *, namespace: str, view: View) -> Manifest | Missing:
    """The version that a model with a `versionRef` gets in a service of this namespace."""
    assert model.version_ref is not None
    ref = model.version_ref
    reference = Reference.read(ref.model_dump(by_alias=True, exclude_none=True), home=namespace)
    abroad = reference.namespace != namespace
    granted = tuple(_granted(view.grants, reference=reference, to=namespace)) if abroad else ()
    if abroad and not _may_ask(reference, granted=granted):
        return _not_granted(model.name, reference=reference, namespace=namespace)
    found = [
        version
        for version in view.published
        if reference.matches(version)
        and "deletionTimestamp" not in version["metadata"]
        and (not abroad or any(_covers(one, version=version) for one in granted))
    ]
    if not found and abroad and not _names(reference, granted=granted):
        return _not_granted(model.name, reference=reference, namespace=namespace)
    chosen = _pick(found, pick=ref.pick)
    return chosen or _version_missing(model.name, reference=reference, pick=ref.pick, some=found)


def _granted(grants: Sequence[Manifest], *, reference: Reference, to: str) -> Iterator[GrantTo]:
    """What the grants of the reference's namespace allow services of namespace `to`."""
    for raw in grants:
        if raw["metadata"]["namespace"] != reference.namespace:
            continue
        try:
            spec = parse_grant({**_KIND, **raw}).spec
        except InvalidSpec:
            continue  # written by a newer API server: what is not understood allows nothing
        if any(one.all_namespaces or one.namespace == to for one in spec.from_):
            yield from spec.to


def _covers(grant: GrantTo, *, version: Manifest) -> bool:
    if grant.selector is None:
        return grant.all_versions or grant.name == version["metadata"]["name"]
    return selects(
        version,
        name="",
        model=grant.selector.model or "",
        labels=tuple((grant.selector.match_labels or {}).items()),
    )


def _may_ask(reference: Reference, *, granted: Sequence[GrantTo]) -> bool:
    """Whether any grant could allow what is asked for."""
    return any(not reference.name or one.name in {None, reference.name} for one in granted)


def _names(reference: Reference, *, granted: Sequence[GrantTo]) -> bool:
    """Whether the grants allow to know that there is no such version."""
    if not reference.name:
        return True
    return any(one.all_versions or one.name == reference.name for one in granted)


def _pick(found: Sequence[Manifest], *, pick: Pick | None) -> Manifest | None:
    if pick is None or pick.metric is None:
        return max(found, key=_age, default=None)
    sign = 1 if pick.metric.order == "Highest" else -1
    reached = [
        (sign * value, _age(version), version)
        for version in found
        if (value := _metric(version, name=pick.metric.name)) is not None
    ]
    return max(reached, key=lambda item: item[:2])[2] if reached else None


def _age(version: Manifest) -> tuple[int, str, str]:
    metadata = version["metadata"]
    created = str(metadata.get("creationTimestamp", ""))
    return int(version["spec"]["version"]), created, str(metadata["name"])


def _metric(version: Manifest, *, name: str) -> Decimal | None:
    """A metric of a version as a number; None where it has none that can be compared."""
    text = (version["spec"].get("lineage") or {}).get("metrics", {}).get(name, "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _not_granted(model: str, *, reference: Reference, namespace: str) -> Missing:
    # NB: the same sentence whether or not there is such a version.
    what = f"ModelVersion {reference.name}" if reference.name else "a ModelVersion"
    return Missing(
        model,
        "NotGranted",
        f"Model {model} refers to {what} in namespace {reference.namespace}, and no ModelGrant "
        f"there allows it to namespace {namespace}. Ask the owner of {reference.namespace} for "
        "one; it is used as soon as it is there.",
    )


def _version_missing(
    model: str, *, reference: Reference, pick: Pick | None, some: Sequence[Manifest]
) -> Missing:
    where = f"in namespace {reference.namespace}"
    if reference.name:
        told = f"There is no ModelVersion {reference.name} {where}"
        cure = "Publish it, or change versionRef.name"
    elif some and pick is not None and pick.metric is not None:
        told = f"No selected ModelVersion {where} has the metric {pick.metric.name} as a number"
        cure = "Publish one that has, or change versionRef.pick"
    else:
        told = f"No ModelVersion {where} is what versionRef.selector asks for"
        cure = "Publish one, or change the selector"
    return Missing(
        model,
        "VersionMissing",
        f"{told}, to which model {model} refers. {cure}; it is used as soon as it is there.",
    )
