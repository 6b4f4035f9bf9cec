"""Where a model's file may lie: the URIs that `source.uri` takes, one form a scheme.

Each scheme has a rule of its own that holds only for it, so that a wrong URI is told the form that
it nearly has. A form is only about spelling: which addresses may be reached is judged in the pod,
when a connection is made.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from modelservice_operator.api.scalars import S3_OBJECT_REGEX, SEGMENTS_REGEX
from modelservice_operator.api.schema import Rule

_CLAIM = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
# As elsewhere a segment is not dots alone; servers write a space and its like with %.
_QUOTED = r"([A-Za-z0-9!_*()=+@:,~$&;-]|%[0-9A-Fa-f]{2})"
_HTTPS = rf"https://{_HOST}(/\.*{_QUOTED}(\.|{_QUOTED})*)+"

_PVC = rf"pvc://{_CLAIM}{SEGMENTS_REGEX}"
_HF_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_HF = rf"hf://{_HF_NAME}/{_HF_NAME}(@[A-Za-z0-9][A-Za-z0-9._-]{{0,127}})?{SEGMENTS_REGEX}"
_OCI_NAME = r"[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
_OCI = (
    rf"oci://{_HOST}(/{_OCI_NAME})+(:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}|@sha256:[0-9a-f]{{64}})"
    r"(#[A-Za-z0-9._][A-Za-z0-9._/-]{0,254})?"
)

SCHEMES: Final = ("s3://", "https://", "pvc://", "hf://", "oci://")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SCHEMES_TEXT: Final = " or ".join((", ".join(SCHEMES[:-1]), SCHEMES[-1]))


def _form(scheme: str, regex: str, *, form: str) -> Rule[str]:
    """A URI that begins with `scheme` matches `regex`; others are not judged."""
    compiled = re.compile(regex)
    return Rule(
        cel=f"!self.startsWith('{scheme}') || self.matches(r'^(?:{regex})$')",
        check=lambda uri: not uri.startswith(scheme) or compiled.fullmatch(uri) is not None,
        message=f"uri must be {form}",
    )


SourceUri = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=1024),
    Rule[str](
        cel=" || ".join(f"self.startsWith('{scheme}')" for scheme in SCHEMES),
        check=lambda uri: uri.startswith(SCHEMES),
        message=f"uri must begin with {_SCHEMES_TEXT}",
    ),
    _form(
        "s3://",
        S3_OBJECT_REGEX,
        form="s3://<bucket>/<key> without spaces, '?', '#', '%' or '..', "
        "as in s3://models/digits/model.onnx",
    ),
    _form(
        "https://",
        _HTTPS,
        form="https://<host>/<path> without user name, password, '?', '#' or '..' (credentials "
        "belong into the Secret), as in https://example.com/digits/model.onnx",
    ),
    _form(
        "pvc://",
        _PVC,
        form="pvc://<claim>/<path> without spaces or '..', as in pvc://models/digits/model.onnx",
    ),
    _form(
        "hf://",
        _HF,
        form="hf://<organisation>/<repository>[@<revision>]/<path>, where a revision is a branch, "
        "a tag or a commit without '/', as in hf://org/digits@main/model.onnx",
    ),
    _form(
        "oci://",
        _OCI,
        form="oci://<registry>/<repository>:<tag> or oci://<registry>/<repository>@sha256:<digest> "
        "(and #<title> of one file where there are several), as in "
        "oci://registry.example.com/models/digits:v1",
    ),
]


def claim_of(uri: str) -> str | None:
    """The PersistentVolumeClaim that a URI names; None where it is of another scheme."""
    scheme, _, rest = uri.partition("://")
    return rest.partition("/")[0] if scheme == "pvc" else None


def pinned(uri: str, *, pin: str | None) -> str:
    """The URI that goes on meaning what a check found.

    `pin` is the commit of a hub's repository or the digest of a registry's manifest.
    """
    if pin is not None and uri.startswith("hf://") and _COMMIT.fullmatch(pin):
        return re.sub(r"^(hf://[^/@]+/[^/@]+)(?:@[^/]+)?/", rf"\1@{pin}/", uri)
    if pin is not None and uri.startswith("oci://") and _DIGEST.fullmatch(pin):
        return re.sub(r"^(oci://[^/]+/[^:@#]+)[:@][^#]+", rf"\1@{pin}", uri)
    return uri
