"""Runs the Autobahn test suite against tornado_ws and compares every case with ``expect.json``.

    python tests/conformance/run.py --cases quick --python .tox/py313-tornado66/bin/python

This program needs Python 3.8 or newer and nothing else; ``--python`` names the interpreter that
has Tornado and tornado_ws installed, which may be a 2.7. The suite itself is installed at the
first run, see ``suite.py``. Each run leaves its reports and a ``results.json`` in a directory of
its own below ``--report``; ``--table`` writes a reStructuredText page from all that are there.
The exit status is 0 when every case that was to run did, and behaved as expected.
"""
from __future__ import absolute_import, division, print_function

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time

import suite
import table

HERE = os.path.dirname(os.path.abspath(__file__))

#: What fits a CI job: of the long sections only the first cases.
QUICK = re.compile(r"([1-7]|9\.[12]|10)\.|12\.1\.([1-9]|10)$|13\.\d+\.[1-3]$")

#: Pseudo behaviour of a case for which the suite wrote no result.
MISSING = "MISSING"


def select(ids, name, counts):
    """Returns the numbers of the cases to run.

    Args:
        ids: All that the suite has.
        name: ``quick`` or ``full``.
        counts: How many there must be, for either name.

    Raises:
        SuiteError: The suite has fewer or more cases than the expectation is for.
    """
    chosen = [case for case in ids if name == "full" or QUICK.match(case)]
    if len(chosen) != counts[name]:
        raise suite.SuiteError("the suite has %d cases for %r, the expectation is for %d"
                               % (len(chosen), name, counts[name]))
    return chosen


def deal(cases, jobs):
    """Splits ``cases`` into ``jobs`` lists of about the same work, dealing there and back.

    The work grows with the case number inside a group, hence the turns.
    """
    hands = [[] for _ in range(jobs)]
    turn = list(range(jobs)) + list(reversed(range(jobs)))
    for index, case in enumerate(cases):
        hands[turn[index % len(turn)]].append(case)
    return [hand for hand in hands if hand]


def examine(role, cases, wstest_python, args, directory):
    """Runs ``cases`` in one role, in ``args.jobs`` processes at a time.

    Returns:
        A dict to be written as ``results.json``: what was examined, and for each case the list
        ``[behaviour, behaviour at the close, close code of the peer or None, milliseconds]``.
    """
    started = time.time()
    runs = [suite.Run(wstest_python, args.python, args.semantics, hand,
                      os.path.join(directory, "part%d" % number), args.timeout)
            for number, hand in enumerate(deal(cases, args.jobs), 1)]
    with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
        try:
            parts = list(pool.map(lambda run: getattr(run, role)(), runs))
        except BaseException:  # also an interruption: do not wait for the others
            for run in runs:
                run.stop()
            raise
    found = {}
    for _, index in parts:
        for case, result in index.items():
            found[case] = [result["behavior"], result["behaviorClose"],
                           result["remoteCloseCode"], result["duration"]]
    absent = [MISSING, MISSING, None, 0]
    about = dict(parts[0][0], role=role, semantics=args.semantics, cases=args.cases)
    about.pop("port", None)
    about["seconds"] = round(time.time() - started)
    about["tracebacks"] = sum(count_tracebacks(run.peer_log) for run in runs)
    about["results"] = {case: found.get(case, absent) for case in cases}
    return about


def count_tracebacks(path):
    """Returns how many tracebacks the peer has written to its log."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum(line.startswith("Traceback ") for line in file)


def differences(about, expectation):
    """Yields ``(case, expected, actual)`` for each case that did not behave as expected."""
    expectations = dict(expectation["cases"])
    if about["semantics"] == "installed":
        # Tornado's module sends and echoes close codes that RFC 6455 does not allow.
        expectations.update(expectation["installed"])
    for case, actual in about["results"].items():
        expected = expectations.get(case, expectation["default"])
        if actual[:2] != expected:
            yield case, expected, actual


def show(about, expectation, directory):
    """Prints one run: a line for each section, then each differing case.

    Returns:
        The number of cases that differ.
    """
    print("\n%s" % table.title(about))
    by_section = collections.OrderedDict()
    for case, result in about["results"].items():
        by_section.setdefault(int(case.split(".")[0]), collections.Counter())[result[0]] += 1
    for section, counter in by_section.items():
        tally = ", ".join("%d %s" % (n, behaviour) for behaviour, n in sorted(counter.items()))
        print("%3d  %-36s %s" % (section, table.SECTIONS[section], tally))
    failed = 0
    for case, expected, actual in differences(about, expectation):
        failed += 1
        print("DIFFERS %-8s expected %s / %s, got %s / %s (close code %s)"
              % ((case,) + tuple(expected) + tuple(actual[:3])))
    print("%d cases in %d s; reports in %s" % (len(about["results"]), about["seconds"], directory))
    if about["tracebacks"]:
        print("%d tracebacks in the peer's log" % about["tracebacks"])
    return failed


def run_role(role, cases, wstest_python, args, expectation):
    """Examines one role, stores and prints the result.

    Returns:
        The number of cases that differ, and the number of tracebacks.
    """
    unfinished = tempfile.mkdtemp(dir=args.report, prefix="unfinished-")
    about = examine(role, cases, wstest_python, args, unfinished)
    directory = os.path.join(args.report, table.slug(about))
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(unfinished, directory)
    with open(os.path.join(directory, "results.json"), "w") as file:
        json.dump(about, file, indent=1)
    return show(about, expectation, directory), about["tracebacks"]


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", choices=["quick", "full"], default="quick")
    parser.add_argument("--role", choices=["server", "client", "both"], default="both",
                        help="what the code under test is")
    parser.add_argument("--semantics", choices=["import", "installed", "stock"], default="import",
                        help="tornado_ws imported, tornado_ws installed, or Tornado's own module")
    parser.add_argument("--python", default=sys.executable, metavar="PATH",
                        help="interpreter with Tornado and tornado_ws (default: this one)")
    parser.add_argument("--report", default=os.path.join(suite.home(), "reports"), metavar="DIR",
                        help="where reports go (default: %(default)s)")
    parser.add_argument("--expect", default=os.path.join(HERE, "expect.json"), metavar="FILE",
                        help="expected behaviours (default: %(default)s)")
    parser.add_argument("--table", metavar="FILE", help="write a page with all runs in --report")
    parser.add_argument("--jobs", type=int, default=2, metavar="N",
                        help="suite processes at a time (default: %(default)s)")
    parser.add_argument("--timeout", type=int, default=7200, metavar="S",
                        help="seconds for one role at most (default: %(default)s)")
    args = parser.parse_args(arguments)
    args.report = os.path.abspath(args.report)
    return args


def main(arguments=None):
    args = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process is left behind
    with open(args.expect) as file:
        expectation = json.load(file)
    os.makedirs(args.report, exist_ok=True)
    passed = failed = tracebacks = 0
    try:
        wstest_python = suite.install()
        cases = select(suite.case_ids(wstest_python), args.cases, expectation["counts"])
        for role in ["server", "client"] if args.role == "both" else [args.role]:
            differing, logged = run_role(role, cases, wstest_python, args, expectation)
            passed += len(cases) - differing
            failed += differing
            tracebacks += logged
    except suite.SuiteError as error:
        sys.exit("error: %s" % error)
    if args.table:
        table.write(args.table, args.report, expectation)
    print("\n%d passed, %d failed" % (passed, failed))
    return 1 if failed or tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
