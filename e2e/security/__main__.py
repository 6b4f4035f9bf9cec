"""`python -m e2e.security`: all parts, or those that are named, and one table at the end.

python -m e2e.security              # everything
python -m e2e.security cluster      # rights, Pod Security, tenancy, canaries on a rig
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.report import step
from e2e.security import cluster, programs, properties, scanners, supply
from e2e.security.figures import Figure, table

RESULTS = Path(__file__).with_name("results")
PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "cluster": cluster.measure,
    "programs": programs.measure,
    "properties": properties.measure,
    "scanners": scanners.measure,
    "supply": supply.measure,
}


def main() -> int:
    """0 where every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m e2e.security", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    for name in chosen:
        with step(name):
            figures += PARTS[name]()
    RESULTS.mkdir(exist_ok=True)
    summary = json.dumps([asdict(one) for one in figures], indent=1, ensure_ascii=False)
    (RESULTS / "figures.json").write_text(f"{summary}\n")
    print(table(figures))
    if "scanners" in chosen:
        print("\nLeft as they are:")
        for one in scanners.suppressions():
            where = f"{one.where} {one.subject}".rstrip()
            print(f"  {one.tool} {one.rule}, {where}: {one.reason}")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        sys.exit(str(problem))
