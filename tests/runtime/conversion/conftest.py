"""The development environment has no TensorFlow: what needs it runs in the converter image."""

import importlib.util

collect_ignore = ["tensorflow_only"] if importlib.util.find_spec("tensorflow") is None else []
