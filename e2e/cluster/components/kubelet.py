"""The node's agents: the kubelet and kube-proxy."""

from pathlib import Path

import yaml

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.certificates import Authority
from e2e.cluster.components.component import Component, answers
from e2e.cluster.places import Places

# systemd-resolved's stub in /etc/resolv.conf cannot be reached from a pod.
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def resolver() -> Path:
    """The resolver file for pods that want the node's DNS."""
    return next((path for path in RESOLVERS if path.exists()), RESOLVERS[-1])


def configuration(places: Places, *, authority: Authority) -> str:
    """The kubelet's configuration file."""
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": at.ADDRESS,
        "port": at.KUBELET_PORT,
        "healthzBindAddress": at.ADDRESS,
        "healthzPort": at.KUBELET_HEALTH_PORT,
        "authentication": {
            "x509": {"clientCAFile": str(authority.certificate)},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(places.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(places.pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{places.containerd_socket}",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        # All pods below one group of our own: what is in it is ours to end.
        "cgroupRoot": f"/{places.cgroup}",
        "clusterDNS": [at.ADDRESS],
        "clusterDomain": at.DOMAIN,
        "resolvConf": str(resolver()),
        "failSwapOn": False,
        "maxPods": 250,
        # Tell a change (a GPU gone) soon, and that nothing changed seldom.
        "nodeStatusUpdateFrequency": "2s",
        "nodeStatusReportFrequency": "5m",
        "podLogsDir": str(places.state / "pod-logs"),
        "volumePluginDir": str(places.state / "kubelet" / "volume-plugins"),
        # A developer's disk is often 85 % full, where the kubelet's defaults would delete the
        # imported images, the pause image first.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
    }
    return yaml.safe_dump(document, sort_keys=False)


def kubelet(places: Places, *, authority: Authority) -> Component:
    """The kubelet."""
    target = places.configuration / "kubelet.yaml"
    root = places.state / "kubelet"
    command = [
        str(tools.binary("kubelet")),
        f"--config={target}",
        f"--kubeconfig={places.identity('kubelet')}",
        f"--root-dir={root}",
        f"--cert-dir={root / 'pki'}",
        f"--hostname-override={at.NODE}",
        f"--node-ip={at.ADDRESS}",
    ]
    return Component(
        "kubelet",
        command,
        answers(f"http://{at.ADDRESS}:{at.KUBELET_HEALTH_PORT}/healthz"),
        ports=[(at.ADDRESS, at.KUBELET_PORT), (at.ADDRESS, at.KUBELET_HEALTH_PORT)],
        files={target: configuration(places, authority=authority)},
        directories=[root],
    )


def proxy(places: Places) -> Component:
    """kube-proxy."""
    target = places.configuration / "kube-proxy.yaml"
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(places.identity("kube-proxy"))},
        "mode": "iptables",
        "clusterCIDR": at.PODS,
        "hostnameOverride": at.NODE,
        "healthzBindAddress": f"{at.ADDRESS}:{at.PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{at.ADDRESS}:{at.PROXY_METRICS_PORT}",
        "nodePortAddresses": [at.PODS],
        # 0: leave the machine's limits on tracked connections as they are.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    return Component(
        "kube-proxy",
        [str(tools.binary("kube-proxy")), f"--config={target}"],
        answers(f"http://{at.ADDRESS}:{at.PROXY_HEALTH_PORT}/healthz"),
        ports=[(at.ADDRESS, at.PROXY_HEALTH_PORT), (at.ADDRESS, at.PROXY_METRICS_PORT)],
        files={target: yaml.safe_dump(document, sort_keys=False)},
    )
