"""Runs the device plugin beside the kubelet: registers it, and again after each kubelet restart.

A starting kubelet empties the socket directory, ours included, and makes its own socket anew: the
sign to serve and register again.
"""

import argparse
import signal
import threading
from pathlib import Path

import grpc

from e2e.cluster.gpu.plugin import Plugin, identifiers
from e2e.cluster.places import DEVICE_PLUGINS


def identity(socket: Path) -> tuple[int, int] | None:
    """What tells one socket file from its successor; None while there is none."""
    try:
        found = socket.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_ctime_ns


def run(plugin: Plugin, *, kubelet: Path, stop: threading.Event) -> None:
    """Keep `plugin` registered with whichever kubelet is there until `stop`."""
    registered: tuple[int, int] | None = None
    server = None
    while not stop.wait(0.5):
        current = identity(kubelet)
        if current is None or (current == registered and plugin.socket.exists()):
            continue
        if server is not None:
            server.stop(grace=None).wait()
        server = plugin.serve()
        try:
            plugin.register(kubelet)
        except grpc.RpcError as error:
            print(f"the kubelet did not take the registration: {error.code()}", flush=True)
        else:
            registered = current
            print(f"registered {len(plugin.devices)} {plugin.resource}", flush=True)
    plugin.end()
    if server is not None:
        server.stop(grace=1.0).wait()
    plugin.socket.unlink(missing_ok=True)


def main() -> None:
    """Read the arguments and run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--resource", default="nvidia.com/gpu")
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    socket = DEVICE_PLUGINS / "modelservice-gpu.sock"
    plugin = Plugin(identifiers(arguments.count), resource=arguments.resource, socket=socket)
    run(plugin, kubelet=DEVICE_PLUGINS / "kubelet.sock", stop=stop)


if __name__ == "__main__":
    main()
