"""ONNX files and documents that tests of the runtime begin from."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def linear(batch: str | int = "N") -> onnx.ModelProto:
    """x [batch, 10] → y [batch, 1], with weights that old exporters list among the inputs."""
    weight = numpy_helper.from_array(np.ones((10, 1), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "linear",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 10]),
            helper.make_tensor_value_info("weight", TensorProto.FLOAT, [10, 1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 1])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def model_entry(**fields: Any) -> dict[str, Any]:
    """An entry of `models` in the document, as the operator writes it."""
    return {
        "name": "digits",
        "version": 1,
        "uri": "s3://models/digits.onnx",
        "digest": None,
        "credentials": "/etc/modelservice/credentials/modelservice-storage",
        "maxBatchSize": 0,
        "dynamicBatching": None,
        "instances": [{"count": 1, "kind": "Auto"}],
        "inputs": None,
        "outputs": None,
        **fields,
    }


def document(*models: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A wanted-models document, as the operator writes it."""
    return {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "default", "name": "digits"},
        "revision": "5d9c8f0a12",
        "triton": {"backends": ["python"], "gpu": False},
        "network": {"allowedNetworks": []},
        "models": list(models),
        **fields,
    }
