"""Types that several parts of the API use: references, resources, GPUs, tensors, conditions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api import names, quantity
from modelservice_operator.api.scalars import (
    Counter,
    ExtendedResource,
    LabelValue,
    ObjectName,
    Quantity,
    TensorName,
)
from modelservice_operator.api.schema import BY_NAME, SET, Range, Rule, Schema

DataType = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BF16", "BYTES",
]  # fmt: skip

ModelFormat = Literal["ONNX", "TorchScript", "TorchExport", "SafeTensors", "TensorRT", "Python"]
# What a file may be: what is served, and what is converted to ONNX first.
SourceFormat = Literal[
    "ONNX", "TorchScript", "TorchExport", "SafeTensors", "TensorRT", "Python", "Keras", "SavedModel"
]


class SecretRef(Schema):
    """A Secret in the namespace of the ModelService."""

    name: ObjectName
    """Name of the Secret. Its keys for s3:// are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_ENDPOINT_URL and AWS_REGION (and AWS_SESSION_TOKEN where there is one); for https://
    HTTP_HOST (the server that they are for) with HTTP_AUTHORIZATION (a whole header), or with
    HTTP_USERNAME and HTTP_PASSWORD; for hf:// HF_TOKEN; for oci:// .dockerconfigjson (as for
    pulling images) or those of https://. For all but s3:// ca.crt too, where an authority of one's
    own signed the server's certificate."""


class TensorSpec(Schema):
    """One input or output of a model."""

    name: TensorName
    """Name of the tensor in the model."""

    data_type: DataType
    """Element type, in Triton's words."""

    shape: Annotated[
        tuple[Annotated[int, Range(-1, 2**31 - 1)], ...],
        Field(max_length=16),
    ]
    """The model's own shape with its batch axis; -1 where the size varies."""


# Models with a feature an input have dozens.
Tensors = Annotated[tuple[TensorSpec, ...], Field(min_length=1, max_length=128), BY_NAME]


class ResourceAmounts(Schema):
    """Amounts of what a container may use. GPUs are asked for by `gpu`."""

    cpu: Quantity | None = None
    """CPU, in cores."""

    memory: Quantity | None = None
    """Memory, in bytes."""

    ephemeral_storage: Annotated[Quantity | None, Field(alias="ephemeral-storage")] = None
    """Disk of the node, in bytes."""


def _request_fits(field: str) -> Rule[Resources]:
    attribute = field.replace("-", "_")
    name = field.replace("-", "__dash__")
    request_cel, limit_cel = f"self.requests.{name}", f"self.limits.{name}"

    def check(resources: Resources) -> bool:
        if resources.requests is None or resources.limits is None:
            return True
        request = getattr(resources.requests, attribute)
        limit = getattr(resources.limits, attribute)
        return request is None or limit is None or quantity.parse(request) <= quantity.parse(limit)

    return Rule(
        cel=f"!has(self.requests) || !has(self.limits) || "
        f"!has({request_cel}) || !has({limit_cel}) || "
        f"!isQuantity(string({request_cel})) || !isQuantity(string({limit_cel})) || "
        f"quantity(string({request_cel})).compareTo(quantity(string({limit_cel}))) <= 0",
        check=check,
        message=f"requests of {field} must not exceed its limits: raise limits.{field}, "
        f"or lower requests.{field}",
        path=".requests",
    )


class Resources(Schema):
    """What the container asks for. What is left out comes from the platform's settings."""

    requests: ResourceAmounts | None = None
    """What the scheduler sets aside."""

    limits: ResourceAmounts | None = None
    """What the container may not exceed."""

    rules: ClassVar[tuple[Rule[Resources], ...]] = (
        _request_fits("cpu"),
        _request_fits("memory"),
        _request_fits("ephemeral-storage"),
    )


class Gpu(Schema):
    """GPUs of one pod."""

    count: Annotated[int, Range(1, 16)] = 1
    """GPUs a pod gets."""

    products: (
        Annotated[
            tuple[Annotated[LabelValue, Field(min_length=1)], ...],
            Field(min_length=1, max_length=16),
            SET,
        ]
        | None
    ) = None
    """GPU models that will do, as nodes carry them in the label nvidia.com/gpu.product; any when
    left out. Not together with `resource`."""

    resource: ExtendedResource | None = None
    """Extended resource to ask for in place of nvidia.com/gpu, such as a MIG slice."""

    rules: ClassVar[tuple[Rule[Gpu], ...]] = (
        Rule(
            cel="!has(self.products) || !has(self.resource)",
            check=lambda gpu: gpu.products is None or gpu.resource is None,
            message="products and resource must not stand together: "
            "keep products for whole GPUs, or resource for slices",
        ),
    )

    @property
    def resource_name(self) -> str:
        """The extended resource that a container asks for."""
        return self.resource or names.GPU_RESOURCE


class Condition(Schema):
    """One aspect of the state, as Kubernetes writes conditions."""

    type: Annotated[str, Field(strict=True, min_length=1, max_length=316)]
    """Which aspect."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    reason: Annotated[str, Field(strict=True, min_length=1, max_length=128)]
    """Why, as one CamelCase word that programs may rely on."""

    message: Annotated[str, Field(strict=True, max_length=4096)]
    """Why, as a sentence that says what to do."""

    last_transition_time: Annotated[
        str,
        Field(strict=True, max_length=64, json_schema_extra={"format": "date-time"}),
    ]
    """When `status` changed last."""

    observed_generation: Counter | None = None
    """The metadata.generation that this was judged on."""
