"""The formats of model files: what a file is, whether it is safe, which tensors it has."""
