"""GPUs without a GPU: a device plugin that the real kubelet and scheduler take for NVIDIA's."""
