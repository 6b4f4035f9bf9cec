"""The contract: ModelService, ModelVersion and ModelGrant v1alpha1, and how they are parsed.

The CRDs, the reference documentation and the operator's own view of a spec all come from these
types. Nothing here knows of a cluster.
"""

from __future__ import annotations

from modelservice_operator.api.common import (
    Condition,
    Gpu,
    ResourceAmounts,
    Resources,
    SecretRef,
    TensorSpec,
)
from modelservice_operator.api.ensemble import Ensemble, Step
from modelservice_operator.api.labels import OutputLabels
from modelservice_operator.api.model import Model
from modelservice_operator.api.modelgrant import GrantFrom, GrantTo, ModelGrant, ModelGrantSpec
from modelservice_operator.api.modelservice import (
    Autoscaling,
    CpuMetric,
    ModelService,
    ModelServiceSpec,
    ObjectMeta,
    Rollout,
    ScalingMetric,
)
from modelservice_operator.api.modelversion import (
    Artifact,
    Code,
    DatasetLineage,
    Lineage,
    ModelVersion,
    ModelVersionSpec,
    ModelVersionStatus,
)
from modelservice_operator.api.parse import (
    InvalidSpec,
    Problem,
    parse_grant,
    parse_service,
    parse_strictly,
    parse_version,
)
from modelservice_operator.api.registry import MetricPick, Pick, VersionRef, VersionSelector
from modelservice_operator.api.scheduling import DynamicBatching, QueuePolicy, SequenceBatching
from modelservice_operator.api.sealing import ArtifactSignature, Encryption, Trust
from modelservice_operator.api.serving import ModelStorage, Serving, Toleration
from modelservice_operator.api.source import Source
from modelservice_operator.api.status import (
    ModelServiceStatus,
    ModelStatus,
    RolloutStatus,
    TrainingStatus,
)
from modelservice_operator.api.training import Dataset, Optimizer, Retention, Training
from modelservice_operator.api.tuning import InstanceGroup, Optimization, RateLimiter, Warmup

__all__ = [
    "Artifact", "ArtifactSignature", "Autoscaling", "Code", "Condition", "CpuMetric", "Dataset",
    "DatasetLineage", "DynamicBatching", "Encryption", "Ensemble", "Gpu", "GrantFrom", "GrantTo",
    "InstanceGroup", "InvalidSpec", "Lineage", "MetricPick", "Model", "ModelGrant",
    "ModelGrantSpec", "ModelService", "ModelServiceSpec", "ModelServiceStatus", "ModelStatus",
    "ModelStorage", "ModelVersion", "ModelVersionSpec", "ModelVersionStatus", "ObjectMeta",
    "Optimization", "Optimizer", "OutputLabels", "Pick", "Problem", "QueuePolicy", "RateLimiter",
    "ResourceAmounts", "Resources", "Retention", "Rollout", "RolloutStatus", "ScalingMetric",
    "SecretRef", "SequenceBatching", "Serving", "Source", "Step", "TensorSpec", "Toleration",
    "Training", "TrainingStatus", "Trust", "VersionRef", "VersionSelector", "Warmup", "parse_grant",
    "parse_service", "parse_strictly", "parse_version",
]  # fmt: skip
