"""The device plugin: N devices, each given to one container at a time by the kubelet."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from e2e.cluster.gpu.messages import MESSAGES, PACKAGE

VERSION = "v1beta1"
HEALTHY = "Healthy"


def identifiers(count: int) -> list[str]:
    """`count` device names in the form of NVIDIA's, the same at every start.

    The kubelet remembers which pod has which device across restarts of the plugin.
    """
    return [f"GPU-00000000-0000-0000-0000-{number:012d}" for number in range(count)]


def allocation(device_ids: Sequence[str]) -> Any:
    """What a container that got these devices sees of them."""
    return MESSAGES["ContainerAllocateResponse"](
        envs={"NVIDIA_VISIBLE_DEVICES": ",".join(sorted(device_ids))}
    )


class Plugin:
    """The DevicePlugin service for the resource `resource`, at `socket` beside the kubelet's."""

    def __init__(self, devices: Sequence[str], *, resource: str, socket: Path) -> None:
        self.devices = devices
        self.resource = resource
        self.socket = socket
        self._ended = threading.Event()

    def options(self, _request: Any, _context: Any) -> Any:
        """GetDevicePluginOptions: none."""
        return MESSAGES["DevicePluginOptions"]()

    def list_and_watch(self, _request: Any, context: Any) -> Iterator[Any]:
        """ListAndWatch: the devices once, then an open stream; its end means that they are gone."""
        closed = threading.Event()
        context.add_callback(closed.set)
        devices = [MESSAGES["Device"](ID=name, health=HEALTHY) for name in self.devices]
        yield MESSAGES["ListAndWatchResponse"](devices=devices)
        while not closed.wait(1.0) and not self._ended.is_set():
            pass

    def allocate(self, request: Any, _context: Any) -> Any:
        """Allocate: the environment of each container of a pod."""
        answers = [allocation(list(asked.devices_ids)) for asked in request.container_requests]
        return MESSAGES["AllocateResponse"](container_responses=answers)

    def _methods(self) -> dict[str, Any]:
        def unary(behaviour: Callable[[Any, Any], Any], *, asked: str) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                behaviour,
                request_deserializer=MESSAGES[asked].FromString,
                response_serializer=lambda answer: answer.SerializeToString(),
            )

        return {
            "GetDevicePluginOptions": unary(self.options, asked="Empty"),
            "Allocate": unary(self.allocate, asked="AllocateRequest"),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(
                self.list_and_watch,
                request_deserializer=MESSAGES["Empty"].FromString,
                response_serializer=lambda answer: answer.SerializeToString(),
            ),
        }

    def serve(self) -> Any:
        """Listen at the socket; returns the running server."""
        self.socket.unlink(missing_ok=True)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        name = f"{PACKAGE}.DevicePlugin"
        handler = grpc.method_handlers_generic_handler(name, self._methods())
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(f"unix:{self.socket}")
        server.start()
        return server

    def register(self, kubelet: Path) -> None:
        """Tell the kubelet at its socket that this plugin is here. Raises grpc.RpcError."""
        request = MESSAGES["RegisterRequest"](
            version=VERSION, endpoint=self.socket.name, resource_name=self.resource
        )
        with grpc.insecure_channel(f"unix:{kubelet}") as channel:
            call = channel.unary_unary(
                f"/{PACKAGE}.Registration/Register",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=MESSAGES["Empty"].FromString,
            )
            call(request, timeout=5.0)

    def end(self) -> None:
        """Close the open streams."""
        self._ended.set()
