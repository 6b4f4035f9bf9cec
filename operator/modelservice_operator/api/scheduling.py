"""How requests wait and are put together: Triton's dynamic and sequence batching."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.scalars import (
    Bool,
    CanonicalDecimal,
    CanonicalDuration,
    DecimalText,
    Duration,
    TensorName,
    between,
    decimal_between,
)
from modelservice_operator.api.schema import SET, ListType, Range, Rule, Schema

BatchSize = Annotated[int, Range(1, 4096)]
PreferredSizes = Annotated[tuple[BatchSize, ...], Field(min_length=1, max_length=16), SET]
QueueDelay = Annotated[Duration, between("0s", "1m"), CanonicalDuration]
Level = Annotated[int, Range(1, 16)]


class QueuePolicy(Schema):
    """What becomes of requests that wait."""

    timeout_action: Literal["Reject", "Delay"] = "Reject"
    """Reject: a request that waited too long fails. Delay: it runs after all that did not."""

    default_timeout: Annotated[Duration, between("1us", "1h"), CanonicalDuration] | None = None
    """How long a request may wait, such as 100ms; for ever when left out."""

    allow_timeout_override: Bool = False
    """A request may state a shorter time (its parameter `timeout`, in microseconds)."""

    max_queue_size: Annotated[int, Range(1, 1_000_000)] | None = None
    """Requests that may wait; further ones fail at once. Any number when left out."""

    def delays(self) -> bool:
        """Whether requests change their order when they have waited too long."""
        return self.timeout_action == "Delay" and self.default_timeout is not None


class PriorityPolicy(Schema):
    """What becomes of waiting requests of one priority."""

    level: Level
    """The priority; 1 is the first to run."""

    policy: QueuePolicy
    """What becomes of them."""


class DynamicBatching(Schema):
    """Triton's dynamic batching: single requests are put together into batches."""

    preferred_batch_sizes: PreferredSizes | None = None
    """Sizes at which a batch is sent off at once; none may exceed maxBatchSize."""

    max_queue_delay: QueueDelay | None = None
    """How long a request waits for others, such as 500us; not at all when left out."""

    preserve_ordering: Bool = False
    """Answer in the order of the requests, also where instances run side by side."""

    priority_levels: Level | None = None
    """How many priorities there are; 1 is the first to run. Requests name theirs (the parameter
    `priority`)."""

    default_priority_level: Level | None = None
    """Priority of requests that name none."""

    queue_policy: QueuePolicy | None = None
    """What becomes of requests that wait."""

    priority_queue_policies: (
        Annotated[tuple[PriorityPolicy, ...], Field(min_length=1, max_length=16), ListType("level")]
        | None
    ) = None
    """Policies of single priorities, in place of queuePolicy."""

    rules: ClassVar[tuple[Rule[DynamicBatching], ...]] = (
        Rule(
            cel="has(self.priorityLevels) == has(self.defaultPriorityLevel) && "
            "(!has(self.priorityLevels) || self.defaultPriorityLevel <= self.priorityLevels)",
            check=lambda batching: (
                (batching.default_priority_level is None)
                if batching.priority_levels is None
                else 1 <= (batching.default_priority_level or 0) <= batching.priority_levels
            ),
            message="priorityLevels needs a defaultPriorityLevel that is one of them: "
            "state both, or neither",
            path=".defaultPriorityLevel",
        ),
        Rule(
            cel="!has(self.priorityQueuePolicies) || self.priorityQueuePolicies.all(one, "
            "has(self.priorityLevels) && one.level <= self.priorityLevels)",
            check=lambda batching: all(
                one.level <= (batching.priority_levels or 0)
                for one in batching.priority_queue_policies or ()
            ),
            message="priorityQueuePolicies must be of levels up to priorityLevels: "
            "raise priorityLevels, or leave the policy out",
            path=".priorityQueuePolicies",
        ),
        Rule(
            cel="!self.preserveOrdering || "
            "((!has(self.priorityLevels) || self.priorityLevels == 1) && "
            "(!has(self.queuePolicy) || !has(self.queuePolicy.defaultTimeout) || "
            "self.queuePolicy.timeoutAction != 'Delay') && "
            "(!has(self.priorityQueuePolicies) || self.priorityQueuePolicies.all(one, "
            "!has(one.policy.defaultTimeout) || one.policy.timeoutAction != 'Delay')))",
            check=lambda batching: (
                not batching.preserve_ordering
                or (
                    (batching.priority_levels or 1) == 1
                    and not any(policy.delays() for policy in batching.policies)
                )
            ),
            message="preserveOrdering takes neither several priorities nor a timeout that delays: "
            "leave preserveOrdering out, or these",
            path=".preserveOrdering",
        ),
    )

    @property
    def policies(self) -> tuple[QueuePolicy, ...]:
        """All queue policies."""
        first = () if self.queue_policy is None else (self.queue_policy,)
        return (*first, *(one.policy for one in self.priority_queue_policies or ()))


class DirectStrategy(Schema):
    """Each sequence has a place of its own in a batch of one instance for as long as it lasts."""

    max_queue_delay: QueueDelay | None = None
    """How long a request waits for those of other sequences; not at all when left out."""

    minimum_slot_utilization: (
        Annotated[DecimalText, decimal_between("0", "1"), CanonicalDecimal] | None
    ) = None
    """Part of a batch that must be filled before maxQueueDelay is over, a decimal in quotes; "0"
    when left out."""


class OldestStrategy(Schema):
    """Each sequence belongs to an instance, which batches the oldest requests of its sequences."""

    max_candidate_sequences: Annotated[int, Range(1, 65_536)]
    """Sequences that an instance has at a time."""

    preferred_batch_sizes: PreferredSizes | None = None
    """Sizes at which a batch is sent off at once; none may exceed maxBatchSize."""

    max_queue_delay: QueueDelay | None = None
    """How long a request waits for others; not at all when left out."""

    preserve_ordering: Bool = False
    """Answer in the order of the requests."""


class SequenceControl(Schema):
    """An input by which Triton tells a model about a request's sequence."""

    kind: Literal["Start", "End", "Ready", "CorrelationID"]
    """What it tells: the first or last request of a sequence, that there is a request at all, or
    the sequence's number."""

    input: TensorName
    """The model's input. Its type is read from the model: INT32, FP32 or BOOL, and for
    CorrelationID an integer of 32 or 64 bits."""


class SequenceState(Schema):
    """A state that Triton keeps between the requests of a sequence, beginning with zeros."""

    input: TensorName
    """The model's input that takes it."""

    output: TensorName
    """The model's output that gives the next one, of the same type and shape."""


class SequenceBatching(Schema):
    """Triton's sequence batching: requests of one sequence go to one instance, in order.

    A client's sequence must stay with one pod: one gRPC connection, or one replica."""

    strategy: Literal["Direct", "Oldest"] = "Direct"
    """How batches are made; the field of the same name holds its settings."""

    direct: DirectStrategy | None = None
    """Settings of strategy Direct."""

    oldest: OldestStrategy | None = None
    """Settings of strategy Oldest."""

    max_sequence_idle: Annotated[Duration, between("1us", "24h"), CanonicalDuration] | None = None
    """A sequence ends when no request came for so long; 1s when left out."""

    controls: (
        Annotated[tuple[SequenceControl, ...], Field(min_length=1, max_length=4), ListType("kind")]
        | None
    ) = None
    """Inputs that Triton sets, not the client."""

    states: (
        Annotated[tuple[SequenceState, ...], Field(min_length=1, max_length=16), ListType("input")]
        | None
    ) = None
    """States that Triton keeps. They need Triton's own onnxruntime."""

    rules: ClassVar[tuple[Rule[SequenceBatching], ...]] = (
        Rule(
            cel="self.strategy == 'Oldest' ? (has(self.oldest) && !has(self.direct)) "
            ": !has(self.oldest)",
            check=lambda batching: (
                batching.oldest is not None and batching.direct is None
                if batching.strategy == "Oldest"
                else batching.oldest is None
            ),
            message="strategy Oldest needs oldest, and Direct takes direct only: "
            "set the field of the strategy's name, and leave the other one out",
            path=".strategy",
        ),
    )
