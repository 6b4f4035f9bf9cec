"""What the images are made from: two root filesystems and five images, as data."""

from dataclasses import dataclass
from pathlib import Path

from e2e.images import content
from e2e.images.places import CHECKOUT

REPOSITORY = "localhost/modelservice"
SUITE = "trixie"

# Documentation, and of what torch drags in what only AMD GPUs or the packages' own tests load.
_UNUSED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/lib/libtorch-test/*",
    "/usr/lib/*-linux-gnu/libLLVM*",
    "/usr/lib/*-linux-gnu/libamd_comgr*",
    "/usr/lib/*-linux-gnu/libamdhip64*",
)
_USED = ("/usr/share/doc/*/copyright",)


@dataclass(frozen=True)
class Base:
    """A root filesystem of Debian packages: what `FROM python:3.13-slim` is in production."""

    name: str
    packages: tuple[str, ...]

    @property
    def mmdebstrap(self) -> tuple[str, ...]:
        """The arguments that make it, without the file to write.

        The variant has dpkg but no apt, which no image needs at run time.
        """
        return (
            "--variant=essential",
            f"--include={','.join(sorted(self.packages))}",
            *(f"--dpkgopt=path-exclude={path}" for path in _UNUSED),
            *(f"--dpkgopt=path-include={path}" for path in _USED),
            SUITE,
        )

    @property
    def reference(self) -> str:
        """`localhost/modelservice/base:trixie-<hash>`"""
        return f"{REPOSITORY}/base:{self.name}-{content.tag(*self.mmdebstrap)}"


# libstdc++6: wheels link to it, and python:3.13-slim has it.
SLIM = Base(name=SUITE, packages=("ca-certificates", "libstdc++6", "python3"))
TORCH = Base(
    name=f"{SUITE}-torch",
    packages=(
        "ca-certificates",
        "libpython3.13",
        "python3",
        "python3-grpcio",
        "python3-numpy",
        "python3-onnx",
        "python3-onnxruntime",
        "python3-protobuf",
        "python3-torch",
    ),
)
BASES = {base.reference: base for base in (SLIM, TORCH)}


@dataclass(frozen=True)
class Image:
    """One image: a Dockerfile, what of the checkout goes in, and what it stands on here.

    `sources` and `locks` are paths below the checkout; `locks` are the pins whose wheels the build
    is given; `base` is the reference of its base. `arguments` are build arguments beside those that
    every build has.
    """

    name: str
    dockerfile: str
    sources: tuple[str, ...]
    locks: tuple[str, ...]
    base: str
    context: str = "."
    target: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()

    def tag(self, checkout: Path = CHECKOUT) -> str:
        """The hash over all that goes in: the same tree gives the same tag."""
        files = (self.dockerfile, *self.sources, *self.locks)
        return content.tag(
            content.of_files(checkout, paths=files),
            self.base,
            self.target or "",
            *(f"{name}={value}" for name, value in self.arguments),
        )

    def reference(self, checkout: Path = CHECKOUT) -> str:
        """`localhost/modelservice/<name>:<tag>`"""
        return f"{REPOSITORY}/{self.name}:{self.tag(checkout)}"


BUILD_LOCK = "requirements/build.txt"
_PROJECT = ("pyproject.toml", "LICENSE")

IMAGES = {
    image.name: image
    for image in (
        Image(
            name="operator",
            dockerfile="operator/Dockerfile",
            sources=(*_PROJECT, "operator/modelservice_operator"),
            locks=(BUILD_LOCK, "requirements/operator.txt"),
            base=SLIM.reference,
        ),
        Image(
            name="agent",
            dockerfile="runtime/Dockerfile",
            target="agent",
            sources=(*_PROJECT, "runtime/modelservice_runtime"),
            locks=(BUILD_LOCK, "requirements/runtime.txt"),
            base=SLIM.reference,
        ),
        Image(
            name="trainer",
            dockerfile="runtime/Dockerfile",
            target="trainer",
            sources=(*_PROJECT, "runtime/modelservice_runtime"),
            locks=(BUILD_LOCK, "requirements/trainer-debian.txt"),
            base=TORCH.reference,
            arguments=(("TRAINER_REQUIREMENTS", "trainer-debian.txt"),),
        ),
        Image(
            name="converter",
            dockerfile="runtime/Dockerfile",
            target="converter",
            sources=(*_PROJECT, "runtime/modelservice_runtime"),
            locks=(BUILD_LOCK, "requirements/converter.txt"),
            base=SLIM.reference,
        ),
        Image(
            name="triton",
            dockerfile="e2e/images/triton/Dockerfile",
            context="e2e/images/triton",
            sources=("e2e/images/triton/tritonserver",),
            locks=("requirements/triton-dev.txt",),
            base=TORCH.reference,
        ),
    )
}
