"""Where the development cluster keeps things, and its addresses, names and ports.

Pods and services use the benchmark range 198.18.0.0/15, which clashes with no private network.
Everything listens on the bridge's address, so that only this machine and its pods reach it; etcd,
which asks nobody who they are, listens on loopback, out of the pods' reach.
"""

from dataclasses import dataclass
from pathlib import Path

NODE = "dev"
BRIDGE = "modelservice0"
ADDRESS = "198.18.0.1"
PODS = "198.18.0.0/16"
FIRST_POD = "198.18.1.1"
# Within the pods' range, so that what is sent to pods of kwok's stays on the bridge, unanswered.
KWOK_NODE, KWOK_PODS = "198.18.127.1", "198.18.128.1/17"
SERVICES = "198.19.0.0/16"
KUBERNETES_SERVICE = "198.19.0.1"
DOMAIN = "cluster.local"
SYSTEM_NAMESPACE = "modelservice-system"
NETWORK = "modelservice-dev"
PAUSE_IMAGE = "localhost/modelservice/pause:1"

API_PORT = 6443
ETCD_PORT, ETCD_PEER_PORT = 17379, 17380
CONTROLLER_MANAGER_PORT, SCHEDULER_PORT = 10257, 10259
KUBELET_PORT, KUBELET_HEALTH_PORT = 10250, 10248
PROXY_HEALTH_PORT, PROXY_METRICS_PORT = 10256, 10249
METRICS_SERVER_PORT = 10252
DNS_PORT, DNS_READY_PORT = 53, 8181
S3_PORT = 17070
KWOK_PORT = 10247

# The kubelet looks for device plugins here, whatever its root directory is.
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")


@dataclass(frozen=True)
class Places:
    """Directories: `state` survives a restart of the machine, `runtime` does not.

    `cgroup` is the name of the group, at the top of each hierarchy, that all pods run in.
    """

    state: Path = Path("/var/lib/modelservice-dev")
    runtime: Path = Path("/run/modelservice-dev")
    cgroup: str = "modelservice-dev"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig: the path that `kubeconfig` prints."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def configuration(self) -> Path:
        """Files that the programs read, written anew at each `up`."""
        return self.state / "configuration"

    @property
    def overrides(self) -> Path:
        """Programs that the components find before the system's."""
        return self.state / "overrides"

    @property
    def containerd_socket(self) -> Path:
        return self.runtime / "containerd" / "containerd.sock"

    @property
    def lock(self) -> Path:
        """Beside the runtime directory, which `down` removes while it holds the lock."""
        return self.runtime.with_suffix(".lock")

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def identity(self, name: str) -> Path:
        """The kubeconfig of the component `name`."""
        return self.configuration / f"{name}.kubeconfig"
