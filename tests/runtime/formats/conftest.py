"""Each place runs what it has: torch is in the trainer image only."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("torch") else ["torch_only"]
