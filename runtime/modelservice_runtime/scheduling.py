"""How requests wait and are put together, as the document writes it. Times are in microseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class QueuePolicy:
    """What becomes of waiting requests; None and 0 leave Triton's defaults, which are no limits."""

    delay: bool = False
    default_timeout_microseconds: int = 0
    allow_timeout_override: bool = False
    max_queue_size: int = 0

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From a `queuePolicy`, or an entry of `priorityQueuePolicies`."""
        return cls(
            delay=document.get("timeoutAction") == "Delay",
            default_timeout_microseconds=int(document.get("defaultTimeoutMicroseconds") or 0),
            allow_timeout_override=bool(document.get("allowTimeoutOverride")),
            max_queue_size=int(document.get("maxQueueSize") or 0),
        )


@dataclass(frozen=True)
class DynamicBatching:
    """Triton's dynamic batcher. A delay or level of None leaves Triton's default."""

    preferred_batch_sizes: tuple[int, ...] = ()
    max_queue_delay_microseconds: int | None = None
    preserve_ordering: bool = False
    priority_levels: int | None = None
    default_priority_level: int | None = None
    queue_policy: QueuePolicy | None = None
    priority_queue_policies: tuple[tuple[int, QueuePolicy], ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `dynamicBatching`."""
        policy = document.get("queuePolicy")
        return cls(
            preferred_batch_sizes=tuple(document.get("preferredBatchSizes") or ()),
            max_queue_delay_microseconds=document.get("maxQueueDelayMicroseconds"),
            preserve_ordering=bool(document.get("preserveOrdering")),
            priority_levels=document.get("priorityLevels"),
            default_priority_level=document.get("defaultPriorityLevel"),
            queue_policy=None if policy is None else QueuePolicy.parse(policy),
            priority_queue_policies=tuple(
                (int(one["level"]), QueuePolicy.parse(one))
                for one in document.get("priorityQueuePolicies") or ()
            ),
        )


@dataclass(frozen=True)
class Direct:
    """The strategy that gives each sequence a place of its own."""

    max_queue_delay_microseconds: int | None = None
    minimum_slot_utilization: float | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `direct`."""
        utilization = document.get("minimumSlotUtilization")
        return cls(
            max_queue_delay_microseconds=document.get("maxQueueDelayMicroseconds"),
            minimum_slot_utilization=None if utilization is None else float(utilization),
        )


@dataclass(frozen=True)
class Oldest:
    """The strategy that batches the oldest requests of an instance's sequences."""

    max_candidate_sequences: int
    preferred_batch_sizes: tuple[int, ...] = ()
    max_queue_delay_microseconds: int | None = None
    preserve_ordering: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `oldest`."""
        return cls(
            max_candidate_sequences=int(document["maxCandidateSequences"]),
            preferred_batch_sizes=tuple(document.get("preferredBatchSizes") or ()),
            max_queue_delay_microseconds=document.get("maxQueueDelayMicroseconds"),
            preserve_ordering=bool(document.get("preserveOrdering")),
        )


@dataclass(frozen=True)
class SequenceBatching:
    """Triton's sequence batcher.

    `controls`: by kind (`Start`, `End`, `Ready`, `CorrelationID`) the input that Triton sets.
    `states`: pairs of an input and the output that becomes it at the next request.
    """

    strategy: Direct | Oldest
    max_sequence_idle_microseconds: int | None = None
    controls: tuple[tuple[str, str], ...] = ()
    states: tuple[tuple[str, str], ...] = ()

    @property
    def inputs(self) -> frozenset[str]:
        """Inputs that no client sends."""
        controls = {name for _, name in self.controls}
        return frozenset(controls | {name for name, _ in self.states})

    @property
    def outputs(self) -> frozenset[str]:
        """Outputs that no client gets."""
        return frozenset(name for _, name in self.states)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `sequenceBatching`."""
        return cls(
            strategy=Oldest.parse(document["oldest"])
            if document.get("strategy") == "Oldest"
            else Direct.parse(document.get("direct") or {}),
            max_sequence_idle_microseconds=document.get("maxSequenceIdleMicroseconds"),
            controls=tuple(sorted((document.get("controls") or {}).items())),
            states=tuple((one["input"], one["output"]) for one in document.get("states") or ()),
        )
