"""`modelservice-convert`: TensorFlow reads the model, tf2onnx writes another, both are compared.

    /work/source → /work/converted/model.onnx, /work/converted/report.json

The container has no credentials and needs no network. What could run code or read files is refused
before TensorFlow is let near it.
"""

import logging
import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NoReturn

# Before TensorFlow is imported: it looks at both then.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from modelservice_runtime import container, logs, termination
from modelservice_runtime.conversion import keras_model, saved_model
from modelservice_runtime.conversion.comparison import compare
from modelservice_runtime.conversion.export import export
from modelservice_runtime.conversion.loaded import Loaded
from modelservice_runtime.conversion.request import parse
from modelservice_runtime.conversion.workspace import Source, Workspace
from modelservice_runtime.failure import Failure
from modelservice_runtime.formats.content import SAVED_MODEL
from modelservice_runtime.progress import PORT, Progress, ProgressServer

_LIBRARIES = ("tensorflow-cpu", "keras", "tf2onnx", "onnxruntime")

_WORKSPACE = Workspace()

log = logging.getLogger(__name__)


def main() -> NoReturn:
    """Run as a container's command."""
    logs.configure()
    tf.get_logger().setLevel(logging.ERROR)  # it warns of the state of a training that is left out
    # Before anything is computed: TensorFlow asks the machine, and not the container.
    tf.config.threading.set_intra_op_parallelism_threads(container.cpus())
    tf.config.threading.set_inter_op_parallelism_threads(1)
    termination.run(lambda: program(os.environ))


def program(
    environ: Mapping[str, str], *, workspace: Workspace = _WORKSPACE, port: int = PORT
) -> Mapping[str, Any]:
    """Convert what acquire left; the content of the termination message."""
    request = parse(environ)
    if workspace.is_done:
        log.info("run %s is done already", request.run)
        return {"run": request.run}
    with ProgressServer(port=port) as server:
        server.publish(Progress(phase="Converting", message=f"Converting {request.model} to ONNX."))
        try:
            report = convert(workspace)
        except Failure as failure:
            raise failure.of(request.model) from None
    return {"run": request.run, **report}


def convert(workspace: Workspace) -> Mapping[str, Any]:
    """Convert and compare; the report, which lies beside the ONNX file then. Raises `Failure`."""
    began = time.monotonic()
    workspace.fresh(workspace.onnx.parent)
    source = workspace.read_source()
    loaded = _load(source, workspace=workspace)
    log.info("loaded %s: %s", source.format, ", ".join(map(str, loaded.inputs)))
    export(loaded, target=workspace.onnx)
    log.info("converted: %d bytes", workspace.onnx.stat().st_size)
    agreement = compare(loaded, workspace.onnx)
    report = {
        "difference": f"{agreement.largest:.1e}",
        "samples": agreement.samples,
        "versions": {name.removesuffix("-cpu"): version(name) for name in _LIBRARIES},
        "seconds": round(time.monotonic() - began, 3),
    }
    log.info("both agree on %d inputs within %s", agreement.samples, report["difference"])
    workspace.converted(report)
    return report


def _load(source: Source, *, workspace: Workspace) -> Loaded:
    load = saved_model.load if source.format == SAVED_MODEL else keras_model.load
    return load(workspace.source, prepared=workspace.fresh(workspace.prepared))


if __name__ == "__main__":
    main()
