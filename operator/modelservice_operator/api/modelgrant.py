"""ModelGrant: the owner of a namespace lets services of other namespaces serve its versions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.modelservice import ObjectMeta
from modelservice_operator.api.registry import VersionSelector
from modelservice_operator.api.scalars import Bool, Namespace, ObjectName
from modelservice_operator.api.schema import Rule, Schema


class GrantFrom(Schema):
    """Whose services may refer: exactly one of `namespace` and `allNamespaces`."""

    namespace: Namespace | None = None
    """Those of this namespace."""

    all_namespaces: Bool = False
    """Those of every namespace, also of ones that are made later."""

    rules: ClassVar[tuple[Rule[GrantFrom], ...]] = (
        Rule(
            # `namespace` is a reserved word of CEL
            cel="has(self.__namespace__) != self.allNamespaces",
            check=lambda one: (one.namespace is not None) != one.all_namespaces,
            message="an item of from needs exactly one of namespace and allNamespaces: true",
        ),
    )


class GrantTo(Schema):
    """What they may refer to: exactly one of `name`, `selector` and `allVersions`."""

    name: ObjectName | None = None
    """The ModelVersion of this name."""

    selector: VersionSelector | None = None
    """The ModelVersions that it selects, also ones that are made later."""

    all_versions: Bool = False
    """All ModelVersions of the grant's namespace, also ones that are made later."""

    rules: ClassVar[tuple[Rule[GrantTo], ...]] = (
        Rule(
            cel="[has(self.name), has(self.selector), self.allVersions]"
            ".filter(one, one).size() == 1",
            check=lambda one: (
                [one.name is not None, one.selector is not None, one.all_versions].count(True) == 1
            ),
            message="an item of to needs exactly one of name, selector and allVersions: true",
        ),
    )


class ModelGrantSpec(Schema):
    """Who may serve which versions. What no grant allows is not served elsewhere."""

    from_: Annotated[tuple[GrantFrom, ...], Field(alias="from", min_length=1, max_length=64)]
    """Whose services may refer."""

    to: Annotated[tuple[GrantTo, ...], Field(min_length=1, max_length=16)]
    """What they may refer to."""


class ModelGrant(Schema):
    """Lets ModelServices of other namespaces refer to ModelVersions of this one. Grants add up."""

    api_version: Literal["modelservice.io/v1alpha1"]
    kind: Literal["ModelGrant"]
    metadata: ObjectMeta
    spec: ModelGrantSpec
    """Who may serve which versions."""
