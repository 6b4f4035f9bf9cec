"""A conversion that fails for good waits for another spec, and then converts."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import model, secret, service
from e2e.faults.workloads.parts.shows import ready, told

FIRST, SECOND = "s3://models/first.keras", "s3://models/second.h5"

WORKLOAD = Workload(
    "conversion_fails",
    "a file of Keras cannot be converted; another one can",
    (
        Step(
            "create",
            applies(secret(), service("grown", model("grown", uri=FIRST, secret="play-mismatch"))),
            told("grown", "Stalled", "True", "TensorMismatch"),
        ),
        Step("another file", applies(service("grown", model("grown", uri=SECOND))), ready("grown")),
    ),
)
