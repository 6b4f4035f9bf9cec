"""Makes the model files beside it: `python make.py FOLDER`, with torch.

All of them compute `formula` of tests/runtime/formats/models.py. `*-2.6.*` were made with torch
2.6 (the trainer image's), `program-2.15.pt2` with torch 2.15, which writes another layout.
"""

import sys
from pathlib import Path

import torch
from torch import nn


class Two(nn.Module):
    """Two inputs, two outputs: h = relu(x·Wᵀ + b) + 1 and the weighted sum of h by y."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("shift", torch.ones(3))
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(12, dtype=torch.float32).reshape(3, 4) / 10 - 0.5)
            self.layer.bias.copy_(torch.tensor([0.5, -0.5, 0.25]))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.relu(self.layer(x)) + self.shift
        return h, (h * y).sum(dim=1, keepdim=True)


def main(folder: Path) -> None:
    release = ".".join(torch.__version__.split(".")[:2])
    example = (torch.ones(2, 4), torch.ones(2, 3))
    module = Two().eval()
    torch.jit.script(module).save(folder / f"scripted-{release}.pt")
    torch.jit.trace(module, example).save(folder / f"traced-{release}.pt")
    torch.save(module.state_dict(), folder / f"checkpoint-{release}.pt")
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        module, example, dynamic_shapes={"x": {0: batch}, "y": {0: batch}}
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the paths of the machine that this ran on
    torch.export.save(program, folder / f"program-{release}.pt2")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
