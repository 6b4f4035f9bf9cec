"""Where a model comes from that exists: a file."""

from __future__ import annotations

from typing import ClassVar, Final

from modelservice_operator.api.common import SecretRef, SourceFormat
from modelservice_operator.api.locations import SourceUri, claim_of
from modelservice_operator.api.scalars import Sha256
from modelservice_operator.api.schema import Rule, Schema
from modelservice_operator.api.sealing import ArtifactSignature, Encryption
from modelservice_operator.api.training import Recipe

# Formats that Triton has no good backend for: a Job converts them to ONNX, once.
_CONVERTED: Final = frozenset({"Keras", "SavedModel"})
_CONVERTED_NAMES: Final = (".keras", ".h5")


class Source(Schema):
    """A model that exists: a file, or an archive (tar, zip) of a folder; compressed (zstd),
    encrypted and signed as it may be. Its format is read from its content. Files of Keras and
    SavedModels of TensorFlow are converted to ONNX first, once, and become ModelVersions."""

    uri: SourceUri
    """The file: s3://<bucket>/<key>, https://<host>/<path>, pvc://<claim>/<path> with a
    PersistentVolumeClaim of this namespace, hf://<organisation>/<repository>[@<revision>]/<path> on
    Hugging Face (revision main when left out), or oci://<registry>/<repository>:<tag> (also
    @sha256:<digest>, and #<title> of one file where an artifact has several)."""

    format: SourceFormat | None = None
    """Format that the file must have: a file of another one is refused. TorchExport is what
    torch.export.save writes (.pt2), TensorRT a plan, Python a model.py, SavedModel an archive of
    the folder. Read from the content when left out; for a SavedModel, and for a file of Keras whose
    name does not end with .keras or .h5, state it."""

    recipe: Recipe | None = None
    """Architecture of the weights in a SafeTensors file, as the built-in program of this name
    trains it."""

    sha256: Sha256 | None = None
    """The file's SHA-256. Other bytes are refused."""

    secret_ref: SecretRef | None = None
    """Credentials. Left out: for s3:// the Secret modelservice-storage, for others none."""

    encryption: Encryption | None = None
    """How it is encrypted; not at all when left out."""

    signature: ArtifactSignature | None = None
    """Its signature; it is asked for where this is stated, or where spec.trust or the platform
    requires one."""

    @property
    def is_converted(self) -> bool:
        """Whether it becomes an ONNX file before it is served."""
        if self.format is not None:
            return self.format in _CONVERTED
        return self.uri.lower().endswith(_CONVERTED_NAMES)

    rules: ClassVar[tuple[Rule[Source], ...]] = (
        Rule(
            cel="!has(self.format) || self.format != 'SafeTensors' || has(self.recipe)",
            check=lambda source: source.format != "SafeTensors" or source.recipe is not None,
            message="format SafeTensors needs recipe: "
            "the file has weights, and the recipe their architecture",
            path=".recipe",
        ),
        Rule(
            cel="!has(self.recipe) || !has(self.format) || self.format == 'SafeTensors'",
            check=lambda source: source.recipe is None or source.format in (None, "SafeTensors"),
            message="recipe is for SafeTensors only: leave recipe out, or set format to "
            "SafeTensors",
            path=".recipe",
        ),
        Rule(
            cel="!has(self.secretRef) || !self.uri.startsWith('pvc://')",
            check=lambda source: source.secret_ref is None or claim_of(source.uri) is None,
            message="secretRef must not stand beside pvc://, which needs no credentials: "
            "leave it out",
            path=".secretRef",
        ),
    )
