"""What a ModelService may ask for only where the platform permits it: labels and annotations of
its pods, and models that are code of the user's own.

Other people's Services and NetworkPolicies select pods by labels, and sidecar injectors take
images, volumes and Secrets from annotations. Who may create ModelServices need not be allowed to
create pods, so nothing of that is theirs to choose unless the platform says so
(`security.allowedPodLabels`, `security.allowedPodAnnotations`). The same holds for Python models
(`security.allowPythonModels`); one that the spec does not call so is refused by what it holds, in
the pod that fetches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelservice_operator.api import InvalidSpec, ModelServiceSpec, Problem
from modelservice_operator.desired.platform import Platform

ANY = "*"


def require(spec: ModelServiceSpec, *, platform: Platform) -> None:
    """Raise InvalidSpec where the spec asks for more than the platform permits."""
    serving = spec.serving
    problems = [
        *_problems("podLabels", serving.pod_labels, allowed=platform.allowed_pod_labels),
        *_problems(
            "podAnnotations", serving.pod_annotations, allowed=platform.allowed_pod_annotations
        ),
        *_code(spec, platform=platform),
    ]
    if problems:
        raise InvalidSpec(problems)


def _problems(
    field: str, stated: Mapping[str, str] | None, *, allowed: Sequence[str]
) -> Iterator[Problem]:
    setting = f"security.allowed{field[0].upper()}{field[1:]}"
    for key in sorted(stated or ()):
        if not any(_permits(pattern, key=key) for pattern in allowed):
            yield Problem(
                field=f"spec.serving.{field}[{key[:64]}]",
                message=f"is not among the platform's {setting}: leave it out, "
                "or ask the platform's team to permit it",
            )


def _code(spec: ModelServiceSpec, *, platform: Platform) -> Iterator[Problem]:
    for index, model in enumerate(spec.models):
        source = model.source
        if source is not None and source.format == "Python" and not platform.allow_python_models:
            yield Problem(
                field=f"spec.models[{index}].source.format",
                message="is not permitted by the platform (security.allowPythonModels): export "
                "the model to ONNX, or ask the platform's team to permit it",
            )


def _permits(pattern: str, *, key: str) -> bool:
    """`*` permits every key, `<prefix>/*` those of a prefix, anything else itself."""
    if pattern == ANY:
        return True
    return key.startswith(pattern[:-1]) if pattern.endswith("/*") else key == pattern
