"""The volume that the containers of a conversion share, and what each may expect to lie there.

    source.json, source/      what is converted: acquire writes them
    prepared/                 the same, as TensorFlow is given it: convert writes it
    converted/model.onnx, converted/report.json
    result.json               the run was committed before: there is nothing to do

What convert wrote is not trusted by publish: TensorFlow has read a stranger's file in between.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.fields import FieldError, Fields

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
"""A Keras model of Keras 3."""
HDF5 = "model.h5"
"""A Keras model in one HDF5 file."""
SAVED_MODEL, VARIABLES = "saved_model.pb", "variables"
"""A SavedModel."""

_DOCUMENT_LIMIT = 2**20


@dataclass(frozen=True)
class Source:
    """What was acquired. digest: of the stored bytes; size: of the model's files, in bytes.

    signer and verified_at are there where a signature was asked for, pin where the source names
    its bytes for good (a commit).
    """

    format: str
    digest: str
    size: int
    signer: str | None = None
    verified_at: str | None = None
    pin: str | None = None

    def document(self) -> dict[str, Any]:
        """As `source.json`, and as the intent in storage has it."""
        document = {
            "format": self.format,
            "digest": self.digest,
            "size": self.size,
            "signer": self.signer,
            "verifiedAt": self.verified_at,
            "pin": self.pin,
        }
        return {name: value for name, value in document.items() if value is not None}

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """From that document. Raises `FieldError`."""
        return cls(
            format=fields.text("format"),
            digest=fields.text("digest"),
            size=fields.integer("size", at_least=0),
            signer=fields.text("signer") if fields.has("signer") else None,
            verified_at=fields.text("verifiedAt") if fields.has("verifiedAt") else None,
            pin=fields.text("pin") if fields.has("pin") else None,
        )


@dataclass(frozen=True)
class Workspace:
    """The volume, by its root. Tests use folders of their own."""

    root: Path = Path("/work")

    @property
    def source(self) -> Path:
        """The files of the model."""
        return self.root / "source"

    @property
    def prepared(self) -> Path:
        """The files that TensorFlow is given."""
        return self.root / "prepared"

    @property
    def onnx(self) -> Path:
        """The converted model."""
        return self.root / "converted" / "model.onnx"

    @property
    def is_done(self) -> bool:
        """Whether acquire found that this run had been committed before."""
        return (self.root / "result.json").exists()

    def done(self, result: Mapping[str, Any]) -> None:
        """Note that there is nothing to do."""
        self._write("result.json", result)

    def acquired(self, source: Source) -> None:
        """Note what lies in `source`."""
        self._write("source.json", source.document())

    def read_source(self) -> Source:
        """What acquire noted."""
        return Source.parse(self._read("source.json"))

    def converted(self, report: Mapping[str, Any]) -> None:
        """Note how the conversion went; `onnx` is there by now."""
        self._write("converted/report.json", report)

    def read_report(self) -> Fields:
        """What convert noted. Raises `Failure` where it is not what convert writes."""
        return self._read("converted/report.json")

    def fresh(self, folder: Path) -> Path:
        """An empty folder in the place of `folder`: a container may be started again."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def plain(self, path: Path) -> Path:
        """`path`, if it is a file of this volume and no link to something else."""
        name = path.relative_to(self.root)
        if path.resolve() != self.root.resolve() / name or not path.is_file():
            raise broken(f"{name} is not a file")
        return path

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.root / name
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(document))
        partial.replace(path)

    def _read(self, name: str) -> Fields:
        path = self.plain(self.root / name)
        if path.stat().st_size > _DOCUMENT_LIMIT:
            raise broken(f"{name} is too large")
        try:
            return Fields.parse(path.read_bytes())
        except FieldError as error:
            raise broken(f"{name} cannot be read: {error}") from None


def broken(problem: str) -> Failure:
    """The container before left something else on the volume than it writes."""
    return Failure(
        reason=Reason.CONVERSION_FAILED,
        message=f"The converter left something else than its work: {problem}. The model was not "
        "published. Export the model to ONNX by yourself.",
    )
