"""What is shipped and what it is built with: every package pinned to a version and its hashes,
every image's packages installed by those, a bill of materials (CycloneDX) for each image.

The bills go to results/sbom-<image>.json.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from e2e.chart import CHART, ROOT
from e2e.security import toolbox
from e2e.security.figures import Figure, none_of

RESULTS = Path(__file__).with_name("results")
LOCKS = (ROOT / "requirements", ROOT / "e2e" / "cluster" / "tools")
# lock file → the image that is made by it
IMAGES = {
    "operator": "operator",
    "runtime": "agent",
    "trainer": "trainer",
    "converter": "converter",
}
DOCKERFILES = (ROOT / "operator" / "Dockerfile", ROOT / "runtime" / "Dockerfile")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_EXACT = re.compile(r"[A-Za-z0-9._-]+(\[[A-Za-z0-9,._-]+\])?==[^\s;]+")


def measure() -> Iterator[Figure]:
    """Look at all of it."""
    locks = [path for folder in LOCKS for path in sorted(folder.glob("*.txt"))]
    pins = [(path, entry) for path in locks for entry in entries(path.read_text())]
    yield none_of(
        f"packages without a version or a hash, in {len(locks)} lock files",
        (f"{path.relative_to(ROOT)}: {entry.split()[0]}" for path, entry in pins if loose(entry)),
        of=len(pins),
        least=200,
    )
    installs = [line for path in DOCKERFILES for line in _installs(path.read_text())]
    yield none_of(
        "installations in Dockerfiles that check no hashes",
        (line for line in installs if "--require-hashes" not in line and "--no-deps" not in line),
        of=len(installs),
        least=3,
    )
    modules = sorted((ROOT / "e2e" / "cluster" / "tools").glob("*/go.mod"))
    sums = [path for path in modules if path.with_name("go.sum").exists() or not _requires(path)]
    yield none_of(
        "Go modules without checksums",
        (str(path.relative_to(ROOT)) for path in modules if path not in sums),
        of=len(modules),
        least=5,
    )
    yield from _bills()


def entries(lock: str) -> Iterator[str]:
    """The packages of a lock file, each with its hashes on one line."""
    for line in re.sub(r"\\\n\s*", "", lock).splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def loose(entry: str) -> bool:
    """Whether an entry may be installed as something else than what was looked at."""
    return not _EXACT.match(entry) or not _HASH.search(entry)


def _installs(dockerfile: str) -> Iterable[str]:
    commands = re.sub(r"^#.*$", "", dockerfile, flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", commands)
    return re.findall(r"\bpip\b.*?(?:install|wheel)[^&\n]*", joined)


def _requires(go_mod: Path) -> bool:
    return "require" in go_mod.read_text()


def _bills() -> Iterator[Figure]:
    RESULTS.mkdir(exist_ok=True)
    wrong, components = [], 0
    for name, image in IMAGES.items():
        lock = ROOT / "requirements" / f"{name}.txt"
        target = RESULTS / f"sbom-{name}.json"
        done = subprocess.run(
            [
                *(str(toolbox.program("cyclonedx-py")), "requirements", str(lock)),
                *("--of", "JSON", "--output-reproducible", "--outfile", str(target)),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            wrong.append(f"{name}: {done.stderr.strip()[-300:]}")
            continue
        bill = json.loads(target.read_text())
        bill["metadata"]["component"] = {
            "type": "container",
            "bom-ref": name,
            "name": f"modelservice/{image}",
            "version": yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"],
        }
        target.write_text(json.dumps(bill, indent=1))
        listed = {
            (component["name"].lower().replace("_", "-"), component["version"])
            for component in bill["components"]
        }
        components += len(listed)
        pinned = {_name_and_version(entry) for entry in entries(lock.read_text())}
        wrong += [f"{name}: {' '.join(one)} is not in it" for one in sorted(pinned - listed)]
    yield none_of(
        f"packages missing from the bills of {len(IMAGES)} images", wrong, of=components, least=50
    )


def _name_and_version(entry: str) -> tuple[str, str]:
    name, _, version = entry.split(maxsplit=1)[0].partition("==")
    return name.partition("[")[0].lower().replace("_", "-"), version
