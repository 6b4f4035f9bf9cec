"""One training run in a pod: dataset → loop → ONNX → storage, started as `modelservice-train`.

`main` tells the story. What needs torch is `networks`, `loop` and `export` (and `main`, which
calls them); everything else runs without it.
"""
