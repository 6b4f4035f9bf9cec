"""What runs in pods: bringing artifacts (fetch, check), caring for Triton (agent), training."""
