"""The scheduler's words, made readable and free of numbers that change. Pure."""

from __future__ import annotations

import re

from modelservice_operator.api import Gpu

_NO_CLAIM = re.compile(r'persistentvolumeclaim "([a-z0-9.-]+)" not found')
_UNBOUND = ("unbound immediate PersistentVolumeClaims", "available persistent volumes to bind")
_COUNTS = re.compile(r"^\d+ ")
# What the scheduler tried after that: preemption, claims of dynamic resources.
_NOTES = re.compile(r"\.? (?:preemption:|no new claims to deallocate).*", re.DOTALL)
_LEAD = re.compile(r"^\d+/\d+ nodes are available:? ?")


def no_node(message: str, *, gpu: Gpu | None) -> str:
    """A sentence from `0/3 nodes are available: 3 Insufficient nvidia.com/gpu.` and its like."""
    reasons = _reasons(message)
    advice = []
    if gpu is not None:
        if f"Insufficient {gpu.resource_name}" in reasons:
            advice.append(
                f"Nodes have too few free {gpu.resource_name} for {gpu.count} a pod: free some, "
                "add a node, or ask for fewer."
            )
        if gpu.products and any("affinity/selector" in reason for reason in reasons):
            advice.append(
                f"Other nodes have no GPU of {' or '.join(gpu.products)} (label "
                "nvidia.com/gpu.product) or miss what nodeSelector asks for."
            )
    told = "; ".join(reasons)
    return " ".join(["No node fits.", *advice, f"The scheduler says: {told or message.strip()}."])


def missing_claim(message: str) -> str | None:
    """The claim that does not exist, where that is why no node fits."""
    found = _NO_CLAIM.search(message)
    return found[1] if found is not None else None


def claim_without_volume(message: str) -> bool:
    """Whether a claim that has no volume is why no node fits."""
    return any(words in message for words in _UNBOUND)


def _reasons(message: str) -> list[str]:
    """The scheduler's reasons, sorted, without counts and without its notes on what it tried."""
    body = _NOTES.sub("", _LEAD.sub("", message.strip())).strip().rstrip(".")
    parts = [_COUNTS.sub("", part.strip()) for part in re.split(r", (?=\d)", body)]
    return sorted({part.rstrip(".") for part in parts if part})
