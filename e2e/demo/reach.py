"""The way from this machine to a Service: its address if that can be reached, else a tunnel.

On a node of the cluster (the embedded one) kube-proxy leads to the Service itself, over every
pod, and measured latencies mean something. Elsewhere `kubectl port-forward` leads to one pod.
"""

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from e2e.demo.kinds import SERVICE
from e2e.demo.kubectl import Kubectl, Refused

HTTP, GRPC = 8000, 8001
TIMEOUT = 1.0  # seconds; a node answers within milliseconds
PATIENCE = 3.0  # seconds; kube-proxy may be a moment behind
PAUSE = 0.2


@contextmanager
def reach(
    kubectl: Kubectl, name: str, *, ports: Sequence[int] = (HTTP, GRPC)
) -> Iterator[list[str]]:
    """`host:port` for each of `ports` of the Service `name`, for the length of a `with`."""
    service = kubectl.get(SERVICE, name)
    if service is None:
        raise Refused(f"there is no Service {name}")
    address = str(service["spec"]["clusterIP"])
    if _is_triton(f"{address}:{HTTP}"):
        yield [f"{address}:{port}" for port in ports]
        return
    with ExitStack() as stack:
        yield [stack.enter_context(_tunnel(kubectl, name, port=port)) for port in ports]


def _is_triton(address: str) -> bool:
    """Whether Triton answers there: where nothing leads to it, a gateway of the network may."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with opener.open(f"http://{address}/v2/health/live", timeout=TIMEOUT):
                return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)


@contextmanager
def _tunnel(kubectl: Kubectl, name: str, *, port: int) -> Iterator[str]:
    """A free local port that leads to the Service. kubectl picks it and says which."""
    words = ("port-forward", f"service/{name}", f":{port}")
    with kubectl.running(*words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline().decode()
        found = re.match(r"Forwarding from (127\.0\.0\.1:\d+)", said)
        if found is None:
            raise Refused(f"kubectl {' '.join(words)} does not come about")
        yield found.group(1)
