"""What to convert: the document in `MODELSERVICE_CONVERSION`, which all three programs read.

The operator writes it from a `source` whose format is converted before it is served. Fields that
this version does not know are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_runtime.artifacts.location import Location
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust
from modelservice_runtime.document import API_VERSION, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.fields import Fields
from modelservice_runtime.formats.content import CONVERTED

VARIABLE = "MODELSERVICE_CONVERSION"


@dataclass(frozen=True)
class Request:
    """One conversion, complete. run: its hash; what is published belongs to it.

    source: as an entry of `models` in the wanted-models document, so that it is brought and proved
    by the same chain; its `format` is None where the URI alone tells that it is to be converted.
    """

    namespace: str
    service: str
    run: str
    source: Model
    trust: PlatformTrust
    output: Location
    allowed_networks: tuple[str, ...]

    @property
    def model(self) -> str:
        """The model's name in its service."""
        return self.source.name

    def intent(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """What is noted in storage before the conversion; `source` is what is known of it."""
        return {
            "service": {"namespace": self.namespace, "name": self.service},
            "model": self.model,
            "run": self.run,
            "source": source,
        }


def parse(environ: Mapping[str, str]) -> Request:
    """Read the request. Raises `Failure` with `ConversionFailed` that names the field."""
    try:
        return _request(Fields.parse(environ.get(VARIABLE, "")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Failure(
            reason=Reason.CONVERSION_FAILED,
            message=f"{VARIABLE} asks for what this program cannot do: {error}.",
        ) from None


def _request(fields: Fields) -> Request:
    version = fields.text("apiVersion")
    if version != API_VERSION:
        raise fields.error("apiVersion", f"must be {API_VERSION} for this program", version)
    service, source = fields.nested("service"), fields.nested("source")
    source.text("uri")
    stated = source.text("format") if source.has("format") else None
    if stated not in (None, *CONVERTED):
        raise source.error("format", f"must be one of {', '.join(CONVERTED)}", stated)
    return Request(
        namespace=service.text("namespace"),
        service=service.text("name"),
        run=fields.text("run"),
        source=Model.parse({**source.values, "name": fields.text("model"), "version": 1}),
        trust=PlatformTrust.parse(fields.nested("trust").values),
        output=Location.folder(fields.nested("output")),
        allowed_networks=fields.nested("network").texts("allowedNetworks"),
    )
