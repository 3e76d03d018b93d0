"""Figures from runs, and how they are printed."""
import statistics
from xml.etree import ElementTree

from .peers import OURS, PICOWS

COLUMNS = "%-24s %12s %23s %10s %10s %8s %12s %6s %9s"
TITLES = ("", "median", "min-max", "x tornado", "/ picows", "ours /", "per second", "load",
          "wire B")


def figure(workload, run):
    """Returns the run's figure: CPU microseconds, or kB of memory, for each message."""
    if workload.unit == "kB":
        return run["rss"] / 1000.0 / run["messages"]
    return run["cpu"] * 1e6 / run["messages"]


def ratio(over, under):
    """Returns the median over the rounds of one peer's figure divided by another's."""
    pairs = [a / b for a, b in zip(over, under) if b]
    return statistics.median(pairs) if pairs else None


def summarize(workload, peers, runs):
    """Returns the rows of one workload.

    Args:
        runs: for each peer's name the list of what its rounds measured.
    """
    figures = {name: [figure(workload, r) for r in rounds] for name, rounds in runs.items()}
    rows = []
    for peer in peers:
        if not runs.get(peer.name):
            continue
        own, rounds = figures[peer.name], runs[peer.name]
        rows.append({
            "workload": workload.name, "peer": peer.name, "unit": workload.unit,
            "median": statistics.median(own), "min": min(own), "max": max(own),
            "vs_tornado": ratio(figures.get(peer.baseline, []), own),
            "vs_picows": ratio(own, figures.get(PICOWS, [])),
            "ours_vs": ratio(figures.get(peer.ours, []), own),
            "per_second": statistics.median(r["messages"] / r["seconds"] for r in rounds),
            "load": statistics.median(r["load_cpu"] / r["seconds"] for r in rounds),
            "wire": statistics.median(r["received"] / r["messages"] for r in rounds),
            "rounds": own,
        })
    return rows


def number(value, form="%.2f"):
    return "-" if value is None else form % value


def verdict(workload, row):
    """Returns how tornado_ws stands against the targets of the workload, as a text."""
    texts = []
    if workload.target and row["vs_tornado"]:
        met = row["vs_tornado"] >= workload.target
        texts.append("target x %.2f %s" % (workload.target, "met" if met else "MISSED"))
    if workload.target_picows and row["vs_picows"]:
        met = row["vs_picows"] <= workload.target_picows
        texts.append("target / %.2f %s" % (workload.target_picows, "met" if met else "MISSED"))
    return ", ".join(texts)


def show(workload, rows):
    """Prints the rows of one workload."""
    print("\n%s: %s [CPU us per message]" % (workload.name, workload.about)
          if workload.unit == "us" else
          "\n%s: %s [kB per connection]" % (workload.name, workload.about))
    print((COLUMNS % TITLES).rstrip())
    for row in rows:
        form = "%.3f" if row["median"] < 10 else "%.1f"
        spread = "%s-%s" % (number(row["min"], form), number(row["max"], form))
        print(COLUMNS % (row["peer"], number(row["median"], form), spread,
                         number(row["vs_tornado"]), number(row["vs_picows"]),
                         number(row["ours_vs"]),
                         number(row["per_second"], "%.0f"), number(100 * row["load"], "%.0f%%"),
                         number(row["wire"], "%.0f")))
        if row["peer"] == OURS and verdict(workload, row):
            print("%-24s %s" % ("", verdict(workload, row)))


def check(workload, rows, failed):
    """Checks one workload.

    Args:
        failed: what programs did wrong, a dict from their names to texts.

    Returns:
        Whether it is good, and a text that says why: it is when no program failed and tornado_ws
        reaches half of its target against tornado.
    """
    if failed:
        return False, "; ".join("%s: %s" % pair for pair in sorted(failed.items()))
    ours = [r["vs_tornado"] for r in rows if r["peer"] == OURS and r["vs_tornado"]]
    if not workload.target or not ours:
        return True, "nothing to compare"
    least = workload.target / 2
    return ours[0] >= least, "x %.2f, at least %.2f" % (ours[0], least)


def show_checks(checks):
    """Prints what was found; ``checks`` holds each workload's name, and what `check` returned."""
    print()
    for name, good, text in checks:
        print("%-4s %s: %s" % ("ok" if good else "FAIL", name, text))


def write_junit(path, checks):
    """Writes what was found in the form that continuous integration reads."""
    suite = ElementTree.Element("testsuite", name="benchmarks", tests=str(len(checks)),
                                failures=str(sum(not good for _, good, _ in checks)))
    for name, good, text in checks:
        case = ElementTree.SubElement(suite, "testcase", classname="benchmarks", name=name)
        if not good:
            ElementTree.SubElement(case, "failure", message=text)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
