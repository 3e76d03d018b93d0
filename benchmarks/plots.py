"""A plot for each workload, from the rows that ``report`` made."""
import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend is chosen before)

from .peers import OURS  # noqa: E402

UNITS = {"us": "CPU \u00b5s per message", "kB": "kB per connection"}
SERIES = {"conns": "connections", "bytes": "bytes per message"}


def bars(name, rows, directory):
    """One bar per peer: the median, with the spread over the rounds."""
    rows = sorted(rows, key=lambda row: row["median"], reverse=True)
    spread = [[r["median"] - r["min"] for r in rows], [r["max"] - r["median"] for r in rows]]
    figure, axes = pyplot.subplots(figsize=(6, 0.6 + 0.35 * len(rows)))
    axes.barh([r["peer"] for r in rows], [r["median"] for r in rows], xerr=spread,
              color=["#c44e52" if r["peer"].startswith(OURS) else "#8c9bb0" for r in rows])
    axes.set_title(name)
    axes.set_xlabel(UNITS[rows[0]["unit"]])
    save(figure, directory, name)


def lines(kind, rows, directory):
    """One line per peer over the number of connections or the size of the messages."""
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for peer in sorted({row["peer"] for row in rows}):
        points = sorted((int(r["workload"].split("_")[1]), r["median"])
                        for r in rows if r["peer"] == peer)
        scale = 1000.0 if kind == "bytes" else 1.0  # there in ns per byte
        axes.plot([x for x, _ in points],
                  [y * scale / (x if kind == "bytes" else 1) for x, y in points],
                  marker="o", label=peer)
    axes.set_xscale("log")
    if kind == "bytes":
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(SERIES[kind])
    axes.set_ylabel("CPU ns per byte" if kind == "bytes" else UNITS["us"])
    axes.legend()
    save(figure, directory, "scale_" + kind)


def save(figure, directory, name):
    figure.tight_layout()
    figure.savefig(os.path.join(directory, name + ".svg"))
    pyplot.close(figure)


def draw(rows, directory):
    """Writes ``directory/<workload>.svg``, and one plot for each series of the scale ones."""
    os.makedirs(directory, exist_ok=True)
    groups = {}
    for row in rows:
        kind = row["workload"].split("_")[0]
        groups.setdefault(kind if kind in SERIES else row["workload"], []).append(row)
    for name, group in groups.items():
        (lines if name in SERIES else bars)(name, group, directory)
