"""The tests of the unit suite that carry a promise of docs/security.md, run again by name: so that
`make security` alone says whether it is kept, and fails if they are gone."""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from e2e.chart import ROOT
from e2e.security.figures import Figure, none_of

# What it shows → (files, how many tests there are at least)
TESTS = {
    "spellings of an address that get past the fetcher's policy": (
        ("tests/runtime/artifacts/test_network.py", 60),
        ("tests/runtime/artifacts/test_network_properties.py", 5),
    ),
    "connections of the fetcher that are not judged when made": (
        ("tests/runtime/artifacts/test_guard.py", 20),
    ),
    "names that break out of config.pbtxt": (
        ("tests/runtime/triton/test_config_properties.py", 1),
    ),
    "user's texts that break out of arguments, variables, labels": (
        ("tests/desired/test_injection.py", 3),
        ("tests/desired/test_permission.py", 10),
    ),
    "files of a model that lead out of it": (("tests/runtime/artifacts/test_onnx_model.py", 10),),
    "things in a file of a model that could run code, or that readers read differently": (
        ("tests/runtime/formats/test_archive.py", 30),
        ("tests/runtime/formats/test_pickles.py", 25),
        ("tests/runtime/formats/test_safetensors.py", 40),
        ("tests/runtime/formats/test_torch_export.py", 90),
        ("tests/runtime/formats/test_torchscript.py", 30),
    ),
}


def measure() -> Iterator[Figure]:
    """Run them, all in one pytest."""
    files = [file for tests in TESTS.values() for file, _ in tests]
    ends = _run(files)
    for name, tests in TESTS.items():
        mine = [
            (test, wrong)
            for file, _ in tests
            for test, wrong in ends
            if test.startswith(file.removesuffix("py").replace("/", "."))
        ]
        least = sum(count for _, count in tests)
        yield none_of(
            name, [f"{test}: {wrong}" for test, wrong in mine if wrong], of=len(mine), least=least
        )


def _run(files: list[str]) -> list[tuple[str, str]]:
    """(test, what is wrong with it) of every test in the files."""
    with tempfile.TemporaryDirectory(prefix="modelservice-properties-") as name:
        report = Path(name) / "report.xml"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "--quiet", f"--junit-xml={report}"),
                *("-p", "no:cacheprovider", *files),
            ],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        cases = ET.parse(report).getroot().iter("testcase")
        return [(f"{case.get('classname')}.{case.get('name')}", _wrong(case)) for case in cases]


def _wrong(case: ET.Element) -> str:
    for kind in ("failure", "error", "skipped"):
        found = case.find(kind)
        if found is not None:
            return f"{kind}: {found.get('message', '')[:200]}"
    return ""
