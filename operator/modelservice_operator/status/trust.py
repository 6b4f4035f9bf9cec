"""Whether what is served was signed by somebody who is trusted: `Trusted`, and who it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelservice_operator.desired.situation import Situation
from modelservice_operator.status.conditions import Condition
from modelservice_operator.status.trouble import Trouble

# What the programs in pods find wrong with signatures.
REASONS: Final = frozenset(
    {
        "SignatureMissing", "SignatureInvalid", "SignerUnknown", "SignedForAnother",
        "FileAltered", "FileMissing", "FileNotSigned",
    }
)  # fmt: skip
_FIELDS: Final = ("signer", "verifiedAt")

Told = Mapping[str, Mapping[str, Any]]


def trusted(situation: Situation, *, told: Told, trouble: Trouble | None) -> Condition | None:
    """None where nobody asks for signatures. `told` is what the serving pods found, by model."""
    if not situation.signed:
        return None
    if trouble is not None and trouble.reason in REASONS:
        return Condition("Trusted", False, trouble.reason, trouble.message)
    current = situation.current
    # an ensemble has no bytes of its own
    models = [one for one in current.models if one.get("digest")] if current is not None else []
    found = {one["name"]: signed(one, told=told.get(one["name"], {})) for one in models}
    missing = sorted(name for name, fields in found.items() if not fields)
    if not models:
        text = "No model has been verified yet."
        return Condition("Trusted", False, "NotVerified", text)
    if missing:
        text = (
            f"Not verified yet: {', '.join(missing)}. Models that were brought before a signature "
            "was asked for are verified when a pod starts anew."
        )
        return Condition("Trusted", False, "NotVerified", text)
    signers = sorted({fields["signer"] for fields in found.values()})
    text = f"Every model that is served was signed by {' or '.join(signers)}."
    return Condition("Trusted", True, "Verified", text)


def signed(record: Mapping[str, Any], *, told: Mapping[str, Any]) -> dict[str, Any]:
    """Who signed a model and when that was proved, from the check's record or from its pods."""
    for known in (record, told):
        if known.get("signer"):
            return {field: known[field] for field in _FIELDS if known.get(field)}
    return {}
