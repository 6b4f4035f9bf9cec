"""containerd with its own root, state and socket, beside any that the machine has."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.components.component import Component, search_path
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem

CNI_PLUGINS = Path("/usr/lib/cni")
# It alone reaches out to the internet, for images.
OUTWARD = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE")
LOCAL = f"localhost,127.0.0.0/8,{at.PODS},{at.SERVICES}"


def configuration(places: Places) -> str:
    """containerd's own configuration file."""
    return f"""\
version = 3
root = "{places.state}/containerd"
state = "{places.runtime}/containerd"
[grpc]
  address = "{places.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{places.state}/containerd/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{at.PAUSE_IMAGE}"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE (in many containers and small machines) a negative value is refused
  # and no pod starts: "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  enable_cdi = true
  # So that the namespaces go with the runtime directory.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      Root = "{places.runtime}/runc"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{CNI_PLUGINS}"]
    conf_dir = "{places.configuration}/cni"
"""


def network(places: Places) -> str:
    """The CNI list: a bridge whose addresses are handed out from the state directory."""
    bridge = {
        "type": "bridge",
        "bridge": at.BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(places.runtime / "addresses"),
            "ranges": [[{"subnet": at.PODS, "rangeStart": at.FIRST_POD}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    document = {"cniVersion": "1.0.0", "name": at.NETWORK, "plugins": [bridge, ports]}
    return json.dumps(document, indent=2)


def containerd(places: Places) -> Component:
    """The container runtime."""
    target = places.configuration / "containerd.toml"
    programs = tools.directory("containerd")
    environment = {"PATH": f"{programs}:{search_path(places)}"}
    environment |= {name: os.environ[name] for name in OUTWARD if name in os.environ}
    environment |= {"NO_PROXY": LOCAL, "no_proxy": LOCAL}
    return Component(
        "containerd",
        [str(programs / "containerd"), "--config", str(target)],
        lambda: control(places, "version").returncode == 0,
        files={
            target: configuration(places),
            places.configuration / "cni" / "10-modelservice.conflist": network(places),
        },
        environment=environment,
    )


def control(places: Places, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run containerd's own client in the namespace that the kubelet uses."""
    command = [str(tools.binary("ctr")), "--address", str(places.containerd_socket)]
    return subprocess.run(
        [*command, "--namespace", "k8s.io", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )


def images(places: Places) -> set[str]:
    """The names of the images that the node has."""
    return set(control(places, "images", "list", "--quiet").stdout.split())


def load(places: Places, archives: Sequence[Path]) -> None:
    """Import OCI or Docker archives (`.tar`) into the node. Raises Problem."""
    for archive in archives:
        done = control(places, "images", "import", str(archive))
        if done.returncode:
            raise Problem(
                f"containerd did not take the image archive {archive}",
                advice="see whether the cluster is up (`python -m e2e.cluster status`)",
                details=done.stderr.strip(),
            )
