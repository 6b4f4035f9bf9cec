"""Which programs come from which Go module: read from the groups' go.mod files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.tools.cache import CACHE

HERE = Path(__file__).parent
PINS = ("go.mod", "go.sum", "*.go")  # what decides which programs a group is
VERSION_PACKAGE = "k8s.io/component-base/version"


def packages(go_mod: str) -> tuple[str, ...]:
    """The packages of a go.mod's `tool` directives, in either spelling."""
    block = re.search(r"^tool \((.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
    listed = block.group(1).split() if block else []
    return (*re.findall(r"^tool ([^\s(]\S*)$", go_mod, re.MULTILINE), *listed)


def program(package: str) -> str:
    """The name of the program that `package` builds."""
    if package == "go.etcd.io/etcd/server/v3":
        return "etcd"
    return package.rsplit("/", 1)[-1]


def linker_flags(go_mod: str) -> str:
    """Linker flags: no debugging tables; for Kubernetes its version, else clients see v0.0.0."""
    flags = "-s -w"
    version = re.search(
        r"^(?:require|\s)\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", go_mod, re.MULTILINE
    )
    if version:
        whole, major, minor = version.groups()
        for name, value in (("gitVersion", whole), ("gitMajor", major), ("gitMinor", minor)):
            flags += f" -X {VERSION_PACKAGE}.{name}={value}"
    return flags


@dataclass(frozen=True)
class Group:
    """One go.mod and the programs that it builds."""

    name: str

    @property
    def source(self) -> Path:
        """The folder of go.mod and go.sum."""
        return HERE / self.name

    @property
    def go_mod(self) -> str:
        return (self.source / "go.mod").read_text()

    @property
    def programs(self) -> dict[str, str]:
        """Program name → package."""
        return {program(package): package for package in packages(self.go_mod)}

    @property
    def directory(self) -> Path:
        """Where the programs are once built. Another version is another directory."""
        pins = [path for name in PINS for path in sorted(self.source.glob(name))]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
        return CACHE / "tools" / f"{self.name}-{digest[:16]}"

    @property
    def complete(self) -> Path:
        """The marker that is written after the last program of the group."""
        return self.directory / ".complete"


GROUPS = {path.parent.name: Group(path.parent.name) for path in sorted(HERE.glob("*/go.mod"))}
