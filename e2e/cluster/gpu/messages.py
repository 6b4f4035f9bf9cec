"""The kubelet's device-plugin API (v1beta1) as protobuf messages.

The part of k8s.io/kubelet's `api.proto` that a plugin needs, field numbers as there. Described
here instead of generated, so that no protobuf compiler is needed; unknown fields are skipped.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "v1beta1"
STRING, BOOL = "string", "bool"

# Message → field → (number, type); `[T]` is repeated, `map` is map<string, string>.
FIELDS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Empty": {},
    "DevicePluginOptions": {"pre_start_required": (1, BOOL)},
    "RegisterRequest": {
        "version": (1, STRING),
        "endpoint": (2, STRING),
        "resource_name": (3, STRING),
        "options": (4, "DevicePluginOptions"),
    },
    "Device": {"ID": (1, STRING), "health": (2, STRING)},
    "ListAndWatchResponse": {"devices": (1, "[Device]")},
    "ContainerAllocateRequest": {"devices_ids": (1, "[string]")},
    "AllocateRequest": {"container_requests": (1, "[ContainerAllocateRequest]")},
    "ContainerAllocateResponse": {"envs": (1, "map")},
    "AllocateResponse": {"container_responses": (1, "[ContainerAllocateResponse]")},
}


def _describe(field: Any, *, kind: str, message: Any) -> None:
    """Give `field` of `message` the type `kind`."""
    scalars = {STRING: field.TYPE_STRING, BOOL: field.TYPE_BOOL}
    repeated = kind == "map" or kind.startswith("[")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    name = kind.strip("[]")
    if kind == "map":
        name = f"{message.name}.{field.name.title()}Entry"
        entry = message.nested_type.add(name=f"{field.name.title()}Entry")
        entry.options.map_entry = True
        for number, part in enumerate(("key", "value"), start=1):
            pair = entry.field.add(name=part, number=number)
            pair.type, pair.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    if name in scalars:
        field.type = scalars[name]
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{name}"


def _classes() -> dict[str, Any]:
    document = descriptor_pb2.FileDescriptorProto(
        name="deviceplugin.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in FIELDS.items():
        message = document.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            _describe(field, kind=kind, message=message)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(document)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in FIELDS}
    return {name: message_factory.GetMessageClass(found[name]) for name in FIELDS}


MESSAGES = _classes()
