"""Volumes made by hand, for models that lie on a PersistentVolumeClaim."""

from e2e.demo.kubectl import Manifest

SIZE = "1Gi"


def claim(name: str, *, volume: str) -> Manifest:
    """A PersistentVolumeClaim of a volume that was made by hand."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "resources": {"requests": {"storage": SIZE}},
            "storageClassName": "",
            "volumeName": volume,
        },
    }


def volume(name: str, *, folder: str, of: str, namespace: str) -> Manifest:
    """A PersistentVolume in a folder of the node, for one claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "capacity": {"storage": SIZE},
            "claimRef": {"name": of, "namespace": namespace},
            "hostPath": {"path": folder, "type": "Directory"},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
        },
    }
