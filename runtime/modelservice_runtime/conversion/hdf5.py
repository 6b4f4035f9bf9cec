"""HDF5 files judged before Keras reads weights from them.

HDF5 can lead to other files of the container: by links, by external storage and by virtual
datasets (CVE-2025-9905, -12060 and their like). Keras writes none of these. The sizes are added up
too: a few kilobytes may state terabytes of zeros.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from modelservice_runtime.artifacts.onnx_model import LIMIT_BYTES
from modelservice_runtime.conversion.loaded import cannot
from modelservice_runtime.failure import Failure, Reason

_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
_NUMBERS = "fiub"
_MOST_OBJECTS = 200_000
# The state of a training, which is not read.
_TRAINING = frozenset({"optimizer", "optimizer_weights"})


def require_plain(path: Path) -> None:
    """Raise `Failure` unless the file is whole, and all that it holds lies in itself."""
    with _readable(), h5py.File(path, "r") as file:
        _Walk().group(file, name="")


def model_config(path: Path) -> str | bytes:
    """The configuration of the model in a `.h5` file. Raises `ModelInvalid` where there is none."""
    with _readable(), h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    if not isinstance(config, str | bytes):
        raise _invalid(
            "has no model_config: it holds weights alone. Save the whole model with model.save"
        )
    return config


def keras_version(path: Path) -> object:
    """The version of Keras that wrote a `.h5` file; None where it does not say."""
    with _readable(), h5py.File(path, "r") as file:
        version = file.attrs.get("keras_version")
    return version.decode(errors="replace") if isinstance(version, bytes) else version


def replace_config(path: Path, config: str) -> None:
    """Write another configuration in its place, and take away how the model was trained."""
    with _readable(), h5py.File(path, "r+") as file:
        file.attrs["model_config"] = config
        file.attrs.pop("training_config", None)


class _Walk:
    """Every object of a file once, however many links lead to it."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, ...]] = set()
        self._bytes = 0

    def group(self, group: h5py.Group, *, name: str) -> None:
        for key in group:
            path = f"{name}/{key}"
            link = group.get(key, getlink=True)
            if type(link) is not h5py.HardLink:
                raise _unsafe(f"{_shown(path)} is a link to another place")
            one = group[key]
            if self._new(one):
                self._one(one, path=path)

    def _one(self, one: object, *, path: str) -> None:
        if isinstance(one, h5py.Group):
            self.group(one, name=path)
        elif isinstance(one, h5py.Dataset):
            self._dataset(one, path=path)
        else:
            raise _unsafe(f"{_shown(path)} is neither a group nor a dataset")

    def _new(self, one: h5py.HLObject) -> bool:
        info = h5py.h5o.get_info(one.id)
        place = (info.fileno, info.addr)
        if place in self._seen:
            return False
        self._seen.add(place)
        if len(self._seen) > _MOST_OBJECTS:
            raise _invalid("holds more objects than any model")
        return True

    def _dataset(self, dataset: h5py.Dataset, *, path: str) -> None:
        if dataset.external or dataset.is_virtual:
            raise _unsafe(f"{_shown(path)} lies in other files")
        properties = dataset.id.get_create_plist()
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if not filters <= _FILTERS:
            raise _unsafe(f"{_shown(path)} is packed by a plugin")
        if dataset.dtype.kind not in _NUMBERS:
            raise _unsafe(f"{_shown(path)} holds something else than numbers")
        if path.split("/")[1] in _TRAINING:
            return
        self._bytes += dataset.size * dataset.dtype.itemsize if dataset.shape is not None else 0
        if self._bytes > LIMIT_BYTES:
            raise cannot("its weights take more than the 2 GiB that an ONNX file holds at most")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        # NB: HDF5's own words name addresses in the file, and help nobody.
        raise _invalid("is damaged or cut off. Upload it again") from None


def _shown(path: str) -> str:
    return ascii(path if len(path) <= 80 else f"{path[:80]}…").strip("'")


def _unsafe(problem: str) -> Failure:
    return Failure(
        reason=Reason.UNSAFE_CONTENT,
        message=f"In the model's HDF5 file {problem}, which Keras never writes; it could bring in "
        "files of the container. Save the model anew with model.save.",
    )


def _invalid(problem: str) -> Failure:
    return Failure(reason=Reason.MODEL_INVALID, message=f"The model's HDF5 file {problem}.")
