"""docs/performance.md and its plots, from the results and nothing else."""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from e2e.bench import machine, plots, results
from e2e.bench.figure import Measured, verdict
from e2e.bench.results import Result, Rows
from e2e.bench.sample import median

DOCUMENT = machine.ROOT / "docs" / "performance.md"
PLOTS = "performance"  # beside the document
REASONS = Path(__file__).with_name("reasons.yaml")
HEADER = ("figure", "budget", "measured", "met")
INTRODUCTION = """\
# Performance

What the operator costs and how fast it is, measured on one small machine that carries the whole
control plane and the load as well. So ratios say more than rates: where there is a limit that no
operator could pass, a *bare client* that writes the same objects is measured beside it. Its
requests are those of a real operator run with names replaced, rendered before, and sent by the best
of several numbers of hands.

Generated from [e2e/bench/results](../e2e/bench/results) by `python -m e2e.bench report`.
`make bench` measures anew, on an idle machine, `python -m e2e.bench run NAME` one scenario, and
`python -m e2e.bench list` says how long each takes.

## How it is measured

- The control plane is real: etcd, API server, controller-manager and scheduler as plain processes
  over TLS, with kwok for nodes. Where a scenario says *stub*, etcd and the API server run alone and
  a small program says of each Deployment that it is available.
- A service of the load has one model, one replica and six children: Deployment, Service, ConfigMap,
  ControllerRevision, PodDisruptionBudget, NetworkPolicy.
- Each run has a fresh control plane, warmed up with a few services. Runs that are compared follow
  one another, in pairs; a ratio is the median of its pairs. In brackets stands between which
  measurements that median lies (order statistics, 90 % or what so few allow).
- Nobody is an administrator, whose requests the API server's priority and fairness exempts: the
  operator has the rights of the chart, the bare client and the users are service accounts.
- Requests are counted and timed from the API server's audit log, CPU and memory from `/proc`,
  Ready and availability by watches. Open-loop latencies count from the *intended* send time, so a
  server that makes its clients wait does not look fast.
- CPU is the first figure, wall time the second: two cores are shared by all.
"""


def write(directory: Path = results.DIRECTORY, *, document: Path = DOCUMENT) -> None:
    """Write the document and its plots from the results in `directory`."""
    found = results.latest(directory)
    by_name = {result.scenario: result for result in found}
    drawn = plots.draw(by_name, directory=document.parent / PLOTS)
    document.write_text(text(found, drawn=drawn))


def text(found: Sequence[Result], *, drawn: Sequence[tuple[str, str]]) -> str:
    """The document; `drawn` are the plots that there are."""
    reasons = yaml.safe_load(REASONS.read_text()) or {}
    parts = [
        INTRODUCTION,
        _conditions(found),
        "## Budgets\n",
        _summary(found),
        *_unmet(found, reasons=reasons),
        "## Plots\n",
        *(f"{title}:\n\n![{title}]({PLOTS}/{name})\n" for name, title in drawn),
        "## All figures\n",
        *chain.from_iterable(_section(result) for result in found),
    ]
    return "\n".join(parts).rstrip() + "\n"


def table(found: Sequence[Result]) -> str:
    """Figures against budgets, for a terminal."""
    lines = [HEADER]
    for result in found:
        lines += [
            (f"{result.scenario}: {item.figure.what}", item.figure.budget, item.text(), _word(item))
            for item in result.figures
        ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _conditions(found: Sequence[Result]) -> str:
    lines = ["| scenario | measured (UTC) | commit | operator | cores | load before |"]
    lines.append("|---|---|---|---|---|---|")
    for result in found:
        document = result.document
        quick = " (a quick try, no result)" if result.quick else ""
        source, host = document["source"], document["machine"]
        lines.append(
            f"| `{result.scenario}`{quick} | {result.measured:%Y-%m-%d %H:%M} "
            f"| `{source['commit'] or 'none'}` | `{source['operator']}` "
            f"| {host['cores']} of {host['processor']} | {host['load']} |"
        )
    return "\n".join(
        [
            "`operator` is a digest of the operator's sources as they were measured. Versions and",
            "flags of every component stand in the JSON file of each scenario.\n",
            *lines,
            "",
            _versions(found),
        ]
    )


def _versions(found: Sequence[Result]) -> str:
    if not found:
        return ""
    versions: dict[str, Any] = found[0].document["versions"]
    named = {
        name.removeprefix("python "): version
        for name, version in versions.items()
        if name.startswith(("python", "kubernetes"))
    }
    kubernetes = versions.get("kubernetes", "")
    named.pop("kubernetes", None)
    listed = ", ".join(f"{name} {version}" for name, version in named.items())
    return f"Kubernetes {kubernetes}; {listed}.\n"


def _summary(found: Sequence[Result]) -> str:
    judged = [(result, item) for result in found for item in result.figures if item.met is not None]
    met = sum(item.met is True for _, item in judged)
    lines = [f"{met} of {len(judged)} are met.\n", _head()]
    lines += [
        f"| {result.scenario}: {item.figure.what} | {item.figure.budget} | {item.text()} "
        f"| {verdict(item.met)} |"
        for result, item in judged
    ]
    return "\n".join([*lines, ""])


def _unmet(found: Sequence[Result], *, reasons: dict[str, dict[str, str]]) -> Iterable[str]:
    missed = [(result, item) for result in found for item in result.figures if item.met is False]
    if not missed:
        return
    yield "## What is not met, and why\n"
    for result, item in missed:
        reason = reasons.get(result.scenario, {}).get(item.figure.name, "Not explained yet.")
        yield (
            f"- **{result.scenario}: {item.figure.what}**, {item.text()} instead of "
            f"{item.figure.budget}. {' '.join(reason.split())}"
        )
    yield ""


def _section(result: Result) -> Iterable[str]:
    yield f"### {result.scenario}\n"
    yield f"{result.about}"
    parameters = ", ".join(f"{name} {value}" for name, value in result.parameters.items())
    if parameters:
        yield f"Parameters: {parameters}."
    files = [f"[figures](../e2e/bench/results/{result.scenario}.json)"]
    files += [
        f"[{name}](../e2e/bench/results/{result.scenario}.{name}.csv)" for name in result.tables
    ]
    if result.text is not None:
        files.append(f"[text](../e2e/bench/results/{result.scenario}.txt)")
    yield f"Raw: {', '.join(files)}.\n"
    yield _head()
    for item in result.figures:
        budget, met = item.figure.budget, verdict(item.met)
        yield f"| {item.figure.what} | {budget} | {item.text()} | {met} |"
    yield ""
    yield from _processes(result.rows("cpu"))
    yield from _parts(result.rows("parts"))


def _parts(rows: Rows) -> Iterable[str]:
    """Where the time of a profile went."""
    if not rows:
        return
    yield "Share of the operator's time by its parts, each with the libraries that it calls:\n"
    yield "| part | % |\n|---|---|"
    yield from (f"| {row['part']} | {row['percent']} |" for row in rows)
    yield ""


def _processes(rows: Rows) -> Iterable[str]:
    """CPU seconds by process, where a scenario has them for pairs of runs."""
    if not rows or "process" not in rows[0]:
        return
    yield "CPU seconds until all pods are available, medians of the runs:\n"
    yield "| process | bare client | operator |\n|---|---|---|"
    names = list(dict.fromkeys(row["process"] for row in rows))
    for name in names:
        cells = []
        for side in ("bare", "ours"):
            chosen = [row for row in rows if (row["process"], row["side"]) == (name, side)]
            values = [float(row["seconds"]) for row in chosen]
            cells.append(f"{median(values):.1f}" if values else "")
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _head() -> str:
    return f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}"


def _word(item: Measured) -> str:
    return {True: "yes", False: "NO", None: ""}[item.met]
