"""Images into the development cluster's node: without a registry, and only what it lacks."""

from collections.abc import Iterable

from e2e.cluster import report
from e2e.cluster.components import containerd
from e2e.cluster.places import Places as Cluster
from e2e.cluster.problem import Problem
from e2e.images import archive
from e2e.images.buildah import Buildah
from e2e.images.places import Places


def missing(references: Iterable[str], *, cluster: Cluster) -> list[str]:
    """Those of the references that the node does not have. Raises Problem if it is not up."""
    reachable = cluster.containerd_socket.exists()
    if not reachable or containerd.control(cluster, "version").returncode != 0:
        raise Problem("the development cluster is not up", advice="run `make cluster` first")
    present = containerd.images(cluster)
    return [reference for reference in references if reference not in present]


def load(reference: str, *, buildah: Buildah, cluster: Cluster, places: Places) -> None:
    """Import one image from buildah's storage into the node."""
    name = reference.rpartition("/")[2].partition(":")[0]
    with report.step(f"import {name}") as step:
        whole, lacking = places.work / f"{name}-whole.tar", places.work / f"{name}.tar"
        buildah.save(reference, target=whole)
        blobs = containerd.control(cluster, "content", "list", "--quiet").stdout.split()
        with lacking.open("wb") as target:
            archive.repack(whole, reference=reference, present=frozenset(blobs), target=target)
        whole.unlink()
        step.detail = f"{lacking.stat().st_size / 1e6:.0f} MB"
        containerd.load(cluster, [lacking])
        lacking.unlink()
