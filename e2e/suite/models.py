"""Small ONNX models whose answers tell them apart, and datasets that training likes or refuses."""

import io

import numpy as np
from onnx import TensorProto, helper

WIDTH = 4
SAMPLES = np.arange(3 * WIDTH, dtype=np.float32).reshape(3, WIDTH)


def scaling(factor: float) -> bytes:
    """`y = factor · x` for x FP32 [-1, 4]."""
    shape = ["batch", WIDTH]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "scaling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
    )
    # Versions that every onnxruntime of the last years can read.
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    serialized: bytes = model.SerializeToString()
    return serialized


def sequence() -> bytes:
    """`y = START · x + 10 · READY + CORRID`: what Triton tells of a sequence shows in answers."""
    nodes = [
        helper.make_node("Mul", ["x", "START"], ["first"]),
        helper.make_node("Cast", ["READY"], ["ready"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ready", "ten"], ["there"]),
        helper.make_node("Cast", ["CORRID"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Sum", ["first", "there", "number"], ["y"]),
    ]
    types = {"START": TensorProto.FLOAT, "READY": TensorProto.INT32, "CORRID": TensorProto.INT64}
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "sequence",
        [
            info("x", TensorProto.FLOAT, ["batch", WIDTH]),
            *(info(name, one, ["batch", 1]) for name, one in types.items()),
        ],
        [info("y", TensorProto.FLOAT, ["batch", WIDTH])],
        [helper.make_tensor("ten", TensorProto.FLOAT, [1], [10.0])],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    serialized: bytes = model.SerializeToString()
    return serialized


def heavy(*, rounds: int = 24, width: int = 192) -> bytes:
    """As `scaling(1)` in its tensors, with work for the CPU between input and output."""
    weights = (np.eye(width) * 0.5).astype(np.float32)
    spread = np.zeros((WIDTH, width), dtype=np.float32)
    constants = {"weights": weights, "spread": spread, "gather": spread.T.copy()}
    nodes = [helper.make_node("MatMul", ["x", "spread"], ["h0"])]
    for index in range(rounds):
        nodes.append(helper.make_node("MatMul", [f"h{index}", "weights"], [f"m{index}"]))
        nodes.append(helper.make_node("Tanh", [f"m{index}"], [f"h{index + 1}"]))
    nodes.append(helper.make_node("MatMul", [f"h{rounds}", "gather"], ["g"]))
    nodes.append(helper.make_node("Add", ["g", "x"], ["y"]))
    shape = ["batch", WIDTH]
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor(name, TensorProto.FLOAT, value.shape, value.flatten())
            for name, value in constants.items()
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    serialized: bytes = model.SerializeToString()
    return serialized


def line(*, samples: int = 64, inputs: int = 10) -> bytes:
    """An `.npz` for the recipe `linear`, which takes 10 inputs."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((samples, inputs)).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, x=x, y=x.sum(axis=1, keepdims=True))
    return file.getvalue()
