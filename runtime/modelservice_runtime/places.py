"""Where the containers of a pod find and leave what they share: the mounts of the pod template."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The operator's mounts. Tests use folders of their own."""

    document: Path = Path("/etc/modelservice/revision/models.json")
    models: Path = Path("/models")
    key: Path = Path("/run/modelservice/restricted-key")
    claims: Path = Path("/mnt/claims")

    @property
    def push_keys(self) -> Path:
        """Who may push documents to the agent: beside the document, in the same ConfigMap."""
        return self.document.with_name("push-keys.json")
