"""Requests with any tensors, over both protocols of Triton."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import np_to_triton_dtype

from e2e.demo.reach import reach
from e2e.suite.live import Live

Tensors = Mapping[str, np.ndarray]

TOLERANCE: Final = 1e-5
PROTOCOLS: Final = {"HTTP": tritonclient.http, "gRPC": tritonclient.grpc}


def answers(live: Live, name: str, *, model: str, inputs: Tensors, outputs: Tensors) -> None:
    """Fail unless `model` of the service answers so over HTTP and gRPC, within TOLERANCE."""
    with reach(live.kubectl, name) as addresses:
        for protocol, address in zip(PROTOCOLS, addresses, strict=True):
            found = _infer(PROTOCOLS[protocol], address, model=model, inputs=inputs)
            for output, wanted in outputs.items():
                np.testing.assert_allclose(
                    found.as_numpy(output),
                    wanted,
                    rtol=TOLERANCE,
                    atol=TOLERANCE,
                    err_msg=f"{output} over {protocol}",
                )


def _infer(library: Any, address: str, *, model: str, inputs: Tensors) -> Any:
    tensors = []
    for name, value in inputs.items():
        one = library.InferInput(name, list(value.shape), np_to_triton_dtype(value.dtype))
        one.set_data_from_numpy(value)
        tensors.append(one)
    return library.InferenceServerClient(address).infer(model, tensors)
