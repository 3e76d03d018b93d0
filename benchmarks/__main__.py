"""Command line of the benchmarks; README.rst describes it."""
import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
from importlib import metadata

from . import report
from .peers import PEERS, of_checkout, of_interpreter
from .run import Failed, messages, runner
from .workloads import WORKLOADS

ROUNDS = 5
SECONDS = 1.0
QUICK_SECONDS = 0.2
PACKAGES = ("tornado", "tornado_ws", "websockets", "aiohttp", "picows")


def versions():
    """Returns the version of each installed package."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def parse():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--workloads", help="names, with commas between")
    parser.add_argument("--peers", help="names, with commas between")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each round (default %s)" % SECONDS)
    parser.add_argument("--quick", action="store_true", help="1 round of %s s" % QUICK_SECONDS)
    parser.add_argument("--python43", action="append", default=[], metavar="PATH",
                        help="also tornado and tornado_ws as this interpreter has them")
    parser.add_argument("--compare", action="append", default=[], metavar="PATH",
                        help="also tornado_ws as another checkout has it, even if not in --peers")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--plots", metavar="DIR", help="write a plot per workload (matplotlib)")
    parser.add_argument("--check", action="store_true",
                        help="fail when tornado_ws is below half of a target against tornado")
    parser.add_argument("--junitxml", metavar="FILE", help="write what was checked to FILE")
    parser.add_argument("--list", action="store_true", help="print the tables and end")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else ROUNDS)
    args.seconds = args.seconds or (QUICK_SECONDS if args.quick else SECONDS)
    return args


def select(table, names, default):
    """Returns the rows of a table with the given names, or those of the default."""
    if names is None:
        return [row for row in table if default(row)]
    known = {row.name: row for row in table}
    wanted = names.split(",")
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit("unknown: %s; there are: %s" % (", ".join(sorted(unknown)), ", ".join(known)))
    return [known[name] for name in wanted]


def importable(peer):
    environment = dict(os.environ, PYTHONPATH=str(peer.path), PYTHONDONTWRITEBYTECODE="1")
    needed = peer.module + (", " + peer.loop if peer.loop else "")
    program = "import sys; del sys.path[0]; import " + needed
    found = subprocess.run([peer.python, "-c", program], env=environment,
                           stderr=subprocess.DEVNULL).returncode == 0
    if not found:
        print("%s: %s cannot be imported, left out" % (peer.name, needed), file=sys.stderr)
    return found


def measure(workload, peers, args):
    """Runs all rounds of one workload; returns the runs and what failed."""
    runs, failed = {peer.name: [] for peer in peers}, {}
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(messages(workload))
        once = {}
        for number in range(args.rounds):
            for peer in peers[number % len(peers):] + peers[:number % len(peers)]:
                if peer.name in failed:
                    continue
                try:
                    if not number:
                        once[peer.name] = stack.enter_context(runner(peer, workload, name))
                    runs[peer.name].append(once[peer.name](args.seconds))
                except Failed as error:
                    failed[peer.name] = str(error)
                    print("%s, %s: %s" % (workload.name, peer.name, error), file=sys.stderr)
    return {name: r for name, r in runs.items() if name not in failed}, failed


def main():
    args = parse()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers = PEERS + [p for python in args.python43 for p in of_interpreter(python)]
    if args.list:
        for row in WORKLOADS + peers:
            print("%-24s %s" % (row.name, getattr(row, "about", "")))
        return 0
    chosen = select(peers, args.peers, lambda row: True)
    chosen += [of_checkout(path) for path in args.compare]
    chosen = [p for p in chosen if importable(p)]
    args.load = os.getloadavg()[0]
    print("load average of the machine before the first run: %.1f" % args.load)
    rows, checks = [], []
    for workload in select(WORKLOADS, args.workloads, lambda row: not row.extra):
        able = [p for p in chosen if workload.needs <= p.can]
        if not able:
            continue
        runs, failed = measure(workload, able, args)
        own = report.summarize(workload, able, runs)
        report.show(workload, own)
        sys.stdout.flush()
        rows += own
        checks.append((workload.name,) + report.check(workload, own if args.check else [], failed))
    report.show_checks(checks)
    write(args, rows, checks)
    return int(not all(good for _, good, _ in checks))


def write(args, rows, checks):
    """Writes the files that were asked for."""
    if args.json:
        about = dict(versions(), python=platform.python_version(),
                     system=platform.platform(), rounds=args.rounds, seconds=args.seconds,
                     load=args.load)
        with open(args.json, "w") as f:
            json.dump({"environment": about, "rows": rows}, f, indent=1)
    if args.junitxml:
        report.write_junit(args.junitxml, checks)
    if args.plots:
        from . import plots
        plots.draw(rows, args.plots)


if __name__ == "__main__":
    sys.exit(main())
