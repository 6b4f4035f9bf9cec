"""Plots of the results, as SVG that is the same for the same results."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e2e.bench.results import Result, Rows

Results = Mapping[str, Result]
COLOURS = {"ours": "#2b6cb0", "bare": "#a0aec0"}
NAMES = {"ours": "the operator", "bare": "bare client"}
SIZE = (7.0, 3.6)  # inches
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.axisbelow": True,
}


def draw(results: Results, *, directory: Path) -> list[tuple[str, str]]:
    """Write a plot for each that the results have rows for; (file name, title) of those."""
    drawn = []
    directory.mkdir(parents=True, exist_ok=True)
    for name, (title, plot) in PLOTS.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=SIZE, layout="constrained")
            axes = figure.subplots()
            if plot(results, axes):
                figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
                drawn.append((f"{name}.svg", title))
    return drawn


def rows(results: Results, scenario: str, table: str) -> Rows:
    """A table of a scenario; empty if it was not measured."""
    return results[scenario].rows(table) if scenario in results else []


def _rates(results: Results, axes: Axes) -> bool:
    found = [
        row for name in results if name.startswith("burst-") for row in rows(results, name, "runs")
    ]
    for side, colour in COLOURS.items():
        points = sorted((int(r["count"]), float(r["rate"])) for r in found if r["side"] == side)
        axes.plot(*_columns(points), "o", color=colour, label=NAMES[side], alpha=0.7)
    _ticks(axes, [float(row["count"]) for row in found])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("services in the burst")
    axes.set_ylabel("services/s")
    axes.legend(frameon=False)
    return bool(found)


def _cpu(results: Results, axes: Axes) -> bool:
    found = rows(results, "burst-500", "cpu")
    processes = list(dict.fromkeys(row["process"] for row in found if row["side"] == "ours"))
    for side, shift in (("bare", -0.2), ("ours", 0.2)):
        means = []
        for process in processes:
            values = [
                float(r["seconds"]) for r in found if (r["side"], r["process"]) == (side, process)
            ]
            means.append(sum(values) / len(values) if values else 0.0)
        places = [index + shift for index in range(len(processes))]
        axes.bar(places, means, width=0.4, color=COLOURS[side], label=NAMES[side])
    axes.set_xticks(range(len(processes)), [p.replace("kube-", "") for p in processes], fontsize=8)
    axes.set_ylabel("CPU seconds")
    axes.legend(frameon=False)
    return bool(found)


def _lags(results: Results, axes: Axes) -> bool:
    found = rows(results, "burst-500", "lags")
    for column, label in (
        ("available", "the Deployment is available"),
        ("pods", "the pod is ready"),
    ):
        values = sorted(float(row[column]) for row in found)
        shares = [100 * (index + 1) / len(values) for index in range(len(values))]
        axes.plot(values, shares, label=f"since {label}")
    axes.axvline(0.5, color="#a0aec0", linestyle=":")
    axes.set_xlabel("seconds until Ready says so")
    axes.set_ylabel("% of services")
    axes.legend(frameon=False)
    return bool(found)


def _sweep(results: Results, axes: Axes) -> bool:
    found = rows(results, "open-sweep", "rates")
    styles = {"p50_ms": "-", "p90_ms": "--", "p99_ms": ":"}
    for side, colour in COLOURS.items():
        for column, style in styles.items():
            points = [(float(r["rate"]), float(r[column])) for r in found if r["side"] == side]
            label = f"{NAMES[side]}, {column.removesuffix('_ms')}"
            axes.plot(*_columns(points), style, color=colour, label=label)
    axes.axhline(300, color="#e53e3e", linewidth=0.8)
    _ticks(axes, [float(row["rate"]) for row in found])
    axes.set_yscale("log")
    axes.set_xlabel("services/s")
    axes.set_ylabel("latency, ms")
    axes.legend(frameon=False, fontsize=8)
    return bool(found)


def _memory(results: Results, axes: Axes) -> bool:
    found = [row for row in rows(results, "memory", "memory") if row["start"] == "grown"]
    points = [(float(row["services"]), float(row["bytes"]) / 2**20) for row in found]
    axes.plot(*_columns(points), "o-", color=COLOURS["ours"], label="grown")
    again = [row for row in rows(results, "memory", "memory") if row["start"] == "anew"]
    places = [(float(row["services"]), float(row["bytes"]) / 2**20) for row in again]
    axes.plot(*_columns(places), "s", color=COLOURS["ours"], label="started anew", mfc="white")
    axes.axhline(250, color="#e53e3e", linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("services")
    axes.set_ylabel("MiB")
    axes.legend(frameon=False)
    return bool(found)


def _bare(results: Results, axes: Axes) -> bool:
    found = rows(results, "burst-500", "sweep")
    points = [(float(row["concurrency"]), float(row["rate"])) for row in found]
    axes.plot(*_columns(points), "o-", color=COLOURS["bare"])
    _ticks(axes, [x for x, _ in points])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("services at a time")
    axes.set_ylabel("services/s")
    return bool(found)


def _ticks(axes: Axes, values: Iterable[float]) -> None:
    """A logarithmic axis that names what was measured."""
    axes.set_xscale("log")
    axes.set_xticks(sorted(set(values)), [f"{value:g}" for value in sorted(set(values))])
    axes.set_xticks([], minor=True)


def _columns(points: list[tuple[float, float]] | list[tuple[int, float]]) -> list[list[float]]:
    return [[x for x, _ in points], [y for _, y in points]]


PLOTS: dict[str, tuple[str, Callable[[Results, Axes], bool]]] = {
    "burst-rate": ("Services a second in a burst", _rates),
    "burst-cpu": ("CPU of each process in a burst of 500, until all pods are available", _cpu),
    "burst-lag": ("How long after its pods a service is Ready, in bursts of 500", _lags),
    "open-loop": ("Latency from the intended send time, operator and API server alone", _sweep),
    "memory": ("Resident memory of the operator", _memory),
    "bare-client": ("The bare client, by how many services it writes at a time", _bare),
}
