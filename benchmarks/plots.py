"""The charts of the report.

`python -m benchmarks.plots FOLDER` reads JSON, the data of each section by its name, and draws SVGs into the folder. It
runs where matplotlib is installed; see `benchmarks.environments`.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, THEIRS = "#0b7285", "#adb5bd"
# The same data results in the same file.
mpl.rcParams.update({"svg.hashsalt": "composer", "svg.fonttype": "none", "font.size": 9})
mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def finding(figure: Figure, data: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Draw the ratio of each way by the number of apps."""
    axes = figure.subplots()
    for name, points in data.items():
        apps, ratios = zip(*points, strict=True)
        width = 3 if name.startswith("composer") else 1.2
        axes.loglog(apps, ratios, marker="o", markersize=4, linewidth=width, label=name)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set(
        xlabel="apps",
        ylabel="processor time, relative to the app called directly",
        title="Request to the last of N apps",
    )
    axes.legend(frameon=False, loc="upper left")


def served(figure: Figure, data: Mapping[str, float]) -> None:
    """Draw the requests per second of each way."""
    bars(figure.subplots(), data, "requests per second of the last of 100 apps")


def predict(figure: Figure, data: Mapping[str, Mapping[str, float]]) -> None:
    """Draw the requests per second, and per second of processor time."""
    titles = {"requests/s": "predictions per second", "per CPU second": "predictions per second of processor time"}
    for axes, (key, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        bars(axes, {name: each[key] for name, each in data.items()}, title)


def starting(figure: Figure, data: Mapping[str, float]) -> None:
    """Draw the ratios of the start."""
    axes = figure.subplots()
    named = {name if "A/A" in name else f"composer: {name}": ratio for name, ratio in data.items()}
    bars(axes, named, "ratio to plain FastAPI (lifespans: twenty apps to one)")
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")


def preload(figure: Figure, data: Mapping[str, float]) -> None:
    """Draw the memory of four workers."""
    bars(figure.subplots(), data, "MiB of four workers that serve one large model")


def bars(axes: Axes, data: Mapping[str, float], title: str) -> None:
    """Draw a bar for each name, the first on top."""
    colors = [OURS if "composer" in name or name == "--preload" else THEIRS for name in data]
    drawn = axes.barh(list(data), list(data.values()), color=colors)
    axes.bar_label(drawn, [f"{value:,.0f}" if value >= 20 else f"{value:.2f}" for value in data.values()], padding=3)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_title(title, loc="left")


DRAWN: Mapping[str, tuple[Callable[[Figure, Any], None], tuple[float, float]]] = {
    "finding": (finding, (8, 5)),
    "served": (served, (8, 2.2)),
    "predict": (predict, (10, 3)),
    "starting": (starting, (8, 3)),
    "preload": (preload, (8, 1.3)),
}


def main(folder: Path) -> None:
    """Draw the charts, and print the names of the sections that have one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in json.load(sys.stdin).items():
        if name in DRAWN and data:
            draw, size = DRAWN[name]
            figure = Figure(figsize=size, layout="constrained")
            draw(figure, data)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
