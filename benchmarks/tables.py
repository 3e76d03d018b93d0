"""Tables in reStructuredText from the figures that ``--json`` wrote: the ones in docs/ and in
CONTRIBUTING.rst.

::

    python -m benchmarks.tables FIGURES.json
"""
import json
import sys

from .peers import OURS, PICOWS
from .workloads import WORKLOADS

INDENT = "   "


def form(value):
    """Returns a figure as text, to three digits."""
    return "%.0f" % value if value >= 100 else "%.3g" % value


def list_table(widths, lines):
    """Returns a list-table, the first of the lines as its head."""
    text = [".. list-table::", INDENT + ":header-rows: 1", INDENT + ":widths: " + widths, ""]
    for line in lines:
        for i, cell in enumerate(line):
            text.append((INDENT + ("* - " if not i else "  - ") + cell).rstrip())
    return "\n".join(text) + "\n"


def medians(rows, peers):
    """Returns the table of medians: a line for each workload, a column for each peer."""
    lines = [["workload"] + peers]
    for workload in WORKLOADS:
        own = {row["peer"]: row["median"] for row in rows if row["workload"] == workload.name}
        if own:
            lines.append(["``%s``" % workload.name]
                         + [form(own[peer]) if peer in own else "" for peer in peers])
    return list_table(" ".join(["18"] + ["10"] * len(peers)), lines)


def against(value, target, met):
    """Returns a ratio and its target."""
    if value is None:
        return ""
    text = "%.2f" % value
    return text if target is None else "%s (%s: %s)" % (
        text, "%g" % target, "met" if met(value, target) else "missed")


def targets(rows):
    """Returns the table of tornado_ws's ratios with the targets."""
    lines = [["workload", "times less than tornado", "of picows"]]
    rule = " ".join(["=" * 16, "=" * 24, "=" * 24])
    for workload in WORKLOADS:
        for row in rows:
            if row["workload"] == workload.name and row["peer"] == OURS:
                lines.append([
                    workload.name,
                    against(row["vs_tornado"], workload.target, lambda a, b: a >= b),
                    against(row["vs_picows"], workload.target_picows, lambda a, b: a <= b)])
    text = ["%-16s %-24s %s" % tuple(line) for line in lines if line[1] or line[2]]
    return "\n".join([rule, text[0], rule] + [line.rstrip() for line in text[1:]] + [rule]) + "\n"


def main(path):
    with open(path) as f:
        rows = json.load(f)["rows"]
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    for order in (["asyncio", "tornado", OURS, "websockets", "aiohttp", PICOWS, "uvicorn",
                   "granian"],
                  [OURS, OURS + ".python", OURS + ".uvloop", "iostream", "picows.websockets"]):
        print(medians(rows, [peer for peer in order if peer in peers]))
    print(targets(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
