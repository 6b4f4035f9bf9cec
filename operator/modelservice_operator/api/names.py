"""The words that the parts of the project share: group, kinds, labels, ports, components.

Everything that writes or selects an object takes its names from here.
"""

from __future__ import annotations

from typing import Final

GROUP: Final = "modelservice.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
# Of the documents that the operator hands to the programs in pods (wanted models, runs).
RUNTIME_API_VERSION: Final = "runtime.modelservice.io/v1"

KIND_SERVICE: Final = "ModelService"
KIND_VERSION: Final = "ModelVersion"
KIND_GRANT: Final = "ModelGrant"

# Field manager of server-side apply and value of app.kubernetes.io/managed-by.
MANAGER: Final = "modelservice-operator"

LABEL_APP_NAME: Final = "app.kubernetes.io/name"
LABEL_APP_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_APP_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_APP_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_APP_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = f"{GROUP}/name"
LABEL_COMPONENT: Final = f"{GROUP}/component"
LABEL_REVISION: Final = f"{GROUP}/revision"
LABEL_MODEL: Final = f"{GROUP}/model"
LABEL_SERVICE_UID: Final = f"{GROUP}/service-uid"
# The one label of a user's ModelService that its Jobs and pods inherit.
LABEL_QUEUE: Final = "kueue.x-k8s.io/queue-name"
# As NVIDIA's GPU feature discovery labels nodes.
LABEL_GPU_PRODUCT: Final = "nvidia.com/gpu.product"

APP_NAME: Final = "modelservice"
COMPONENT_SERVING: Final = "serving"
COMPONENT_CHECK: Final = "check"
COMPONENT_TRAINING: Final = "training"
COMPONENT_CONVERSION: Final = "conversion"

# Prefixes that spec.serving.podLabels and podAnnotations may not use: ours, and in annotations the
# one through which a pod could ask for less confinement.
RESERVED_LABEL_PREFIXES: Final = (f"{GROUP}/", "app.kubernetes.io/")
RESERVED_ANNOTATION_PREFIXES: Final = (
    f"{GROUP}/",
    "container.apparmor.security.beta.kubernetes.io/",
)

PORT_HTTP: Final = 8000
PORT_GRPC: Final = 8001
PORT_METRICS: Final = 8002
PORT_AGENT: Final = 8003
PORT_ADMIN: Final = 8004
PORT_TRITON_METRICS: Final = 8012
# Progress, health and metrics of a training, conversion or check pod.
PORT_PROGRESS: Final = 8003
PORT_OPERATOR_HEALTH: Final = 8080
PORT_OPERATOR_METRICS: Final = 9090
PORT_NAME_HTTP: Final = "http"
PORT_NAME_GRPC: Final = "grpc"
PORT_NAME_METRICS: Final = "metrics"

# The label of the operator's own pods, as the chart has it.
OPERATOR_LABELS: Final = {LABEL_APP_NAME: MANAGER}
# The label that every namespace has by its name.
LABEL_NAMESPACE: Final = "kubernetes.io/metadata.name"

GPU_RESOURCE: Final = "nvidia.com/gpu"
SERVICE_NAME_MAX: Final = 40
