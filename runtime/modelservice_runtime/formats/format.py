"""What a format is to the rest: how its file is read, and what runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature, Tensor


@dataclass(frozen=True)
class Statement:
    """What the spec says about a file: tensors and recipe are None where it leaves them out."""

    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    recipe: str | None = None

    def tensors(self, what: str) -> Signature:
        """The tensors of a file that does not hold them itself; `what` is its name in words.

        Raises `TensorsUnknown` where the spec does not state them.
        """
        if self.inputs is None or self.outputs is None:
            raise Failure(
                reason=Reason.TENSORS_UNKNOWN,
                message=f"{what} does not hold the shapes and types of its tensors. State them in "
                "spec.models[].inputs and spec.models[].outputs.",
            )
        return Signature(inputs=self.inputs, outputs=self.outputs)


@dataclass(frozen=True)
class Format:
    """A format that is served.

    name: the API's word. noun: the same in a sentence ("a TorchScript archive").
    artifact: the name under which the file that came is kept beside the version.
    file: what Triton loads; another file where the artifact is converted first.
    read: checks the artifact and returns its tensors; writes `file` where that is another.
    backend: Triton's own backend for it; None where Triton has none.
    executor: whether our Python-backend executor can run it in place of `backend`.
    threads: the backend's parameter for the number of threads on CPU.
    needs_gpu: whether it runs on GPUs alone.
    is_code: whether it is code of the user's own, which the platform has to allow.
    """

    name: str
    noun: str
    artifact: str
    file: str
    read: Callable[[Path, Statement], Signature]
    backend: str | None
    executor: bool = False
    threads: str | None = None
    needs_gpu: bool = False
    is_code: bool = False
