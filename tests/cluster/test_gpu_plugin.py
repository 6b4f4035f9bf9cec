"""The device plugin against a kubelet's side of the protocol, over real gRPC sockets."""

import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from e2e.cluster.client import eventually
from e2e.cluster.gpu import __main__ as runner
from e2e.cluster.gpu.messages import MESSAGES, PACKAGE
from e2e.cluster.gpu.plugin import Plugin, identifiers

RESOURCE = "nvidia.com/gpu"


def encode(message: Any) -> bytes:
    return bytes(message.SerializeToString())


class Kubelet:
    """The kubelet's Registration service."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "kubelet.sock"
        self.registered: list[Any] = []

    def start(self) -> Any:
        """Make the socket anew, as each kubelet does."""
        self.socket.unlink(missing_ok=True)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        register = grpc.unary_unary_rpc_method_handler(
            self._register,
            request_deserializer=MESSAGES["RegisterRequest"].FromString,
            response_serializer=encode,
        )
        name = f"{PACKAGE}.Registration"
        handler = grpc.method_handlers_generic_handler(name, {"Register": register})
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(f"unix:{self.socket}")
        server.start()
        return server

    def _register(self, request: Any, _context: Any) -> Any:
        self.registered.append(request)
        return MESSAGES["Empty"]()


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("g")  # a socket's path has room for about 100 characters


@pytest.fixture
def plugin(directory: Path) -> Plugin:
    return Plugin(identifiers(3), resource=RESOURCE, socket=directory / "p.sock")


@pytest.fixture
def channel(plugin: Plugin) -> Iterator[grpc.Channel]:
    server = plugin.serve()
    with grpc.insecure_channel(f"unix:{plugin.socket}") as opened:
        yield opened
    plugin.end()
    server.stop(grace=None).wait()


def test_messages_have_the_kubelets_wire_format() -> None:
    """Bytes as the kubelet's own code writes them: field number and type, length, value."""
    device = MESSAGES["Device"](ID="a", health="Healthy")
    assert encode(device) == b"\x0a\x01a\x12\x07Healthy"
    listed = MESSAGES["ListAndWatchResponse"](devices=[device])
    assert encode(listed) == b"\x0a\x0c" + encode(device)
    allocated = MESSAGES["ContainerAllocateResponse"](envs={"K": "v"})
    assert encode(allocated) == b"\x0a\x06\x0a\x01K\x12\x01v"
    # preferred_allocation (field 2 of the options) is one of those that are not described.
    assert MESSAGES["DevicePluginOptions"].FromString(b"\x08\x01\x10\x01").pre_start_required


def test_devices_are_distinct_and_the_same_at_every_start() -> None:
    assert len(set(identifiers(8))) == 8
    assert identifiers(4) == identifiers(8)[:4]


def test_devices_are_listed_and_the_stream_stays_open(channel: grpc.Channel) -> None:
    watch = channel.unary_stream(
        f"/{PACKAGE}.DevicePlugin/ListAndWatch",
        request_serializer=encode,
        response_deserializer=MESSAGES["ListAndWatchResponse"].FromString,
    )
    stream = watch(MESSAGES["Empty"](), timeout=10)
    assert [device.ID for device in next(stream).devices] == identifiers(3)
    assert stream.is_active()
    stream.cancel()


def test_a_container_sees_the_devices_that_it_got(channel: grpc.Channel) -> None:
    allocate = channel.unary_unary(
        f"/{PACKAGE}.DevicePlugin/Allocate",
        request_serializer=encode,
        response_deserializer=MESSAGES["AllocateResponse"].FromString,
    )
    one, two, three = identifiers(3)
    asked = MESSAGES["ContainerAllocateRequest"]
    request = MESSAGES["AllocateRequest"](
        container_requests=[asked(devices_ids=[three, one]), asked(devices_ids=[two])]
    )
    answers = allocate(request, timeout=10).container_responses
    seen = [dict(answer.envs)["NVIDIA_VISIBLE_DEVICES"] for answer in answers]
    assert seen == [f"{one},{three}", two]


def test_every_kubelet_hears_of_it(directory: Path, plugin: Plugin) -> None:
    """The harm: after a restart of the kubelet the node had no GPU."""
    kubelet, stop = Kubelet(directory), threading.Event()
    server = kubelet.start()
    thread = threading.Thread(
        target=runner.run, args=(plugin,), kwargs={"kubelet": kubelet.socket, "stop": stop}
    )
    thread.start()
    try:
        assert eventually(lambda: len(kubelet.registered) == 1, seconds=10)
        server.stop(grace=None).wait()
        plugin.socket.unlink(missing_ok=True)  # a kubelet that starts empties the directory
        server = kubelet.start()
        assert eventually(lambda: len(kubelet.registered) == 2, seconds=10)
        assert plugin.socket.exists()
    finally:
        stop.set()
        thread.join()
        server.stop(grace=None).wait()
    last = kubelet.registered[-1]
    told = (last.version, last.endpoint, last.resource_name)
    assert told == ("v1beta1", "p.sock", RESOURCE)
    assert not plugin.socket.exists()
