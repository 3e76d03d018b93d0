"""The page with the results of all runs, made from their ``results.json`` files."""
from __future__ import absolute_import, division, print_function

import collections
import glob
import itertools
import json
import os

SECTIONS = {
    1: "Framing", 2: "Pings and pongs", 3: "Reserved bits", 4: "Opcodes", 5: "Fragmentation",
    6: "UTF-8", 7: "Closing", 9: "Large messages, many messages", 10: "Automatic fragmentation",
    12: "Compression: kinds of payload", 13: "Compression: parameters",
}

HEAD = """\
Conformance
===========

The `Autobahn test suite <https://github.com/crossbario/autobahn-testsuite>`_ plays a peer that
keeps to RFC 6455 and RFC 7692, or that breaks them on purpose, and judges the answer.
This page is written by ``tests/conformance/run.py --table`` from the reports of the suite
({suite}).

The suite's verdicts: ``OK``; ``NON-STRICT``, allowed but later or laxer than it could be;
``INFORMATIONAL``, it only records what happened; ``FAILED``. Each case has two: one for the
messages, one for the way in which the connection ended. Three cases know no verdict but
``INFORMATIONAL``: 7.1.6 (a close frame right behind a large message), 7.13.1 and 7.13.2 (close
codes beyond the range that RFC 6455 has a use for).
*import* means ``from tornado_ws import websocket``, *installed* means ``tornado.websocket`` after
``tornado_ws.install()``.
"""

RUNS = """
Runs
----

.. list-table::
   :header-rows: 1

   * - Tested as
     - Semantics
     - Python
     - Tornado
     - Cases
     - OK
     - INFORMATIONAL
     - Anything else
"""

CASES = """
Cases
-----

Consecutive cases with the same verdicts share a row.

.. list-table::
   :header-rows: 1

   * - Section
     - Cases
     - Number
     - Messages
     - Close
"""


def title(about):
    """Returns the name of a run for people."""
    return "%s, %s semantics, Python %s, Tornado %s, %s" % (
        about["role"], about["semantics"], about["python"], about["tornado"], about["cases"])


def slug(about):
    """Returns the name of a run as a directory name; a repeated run has the same one."""
    return "py{python}-tornado{tornado}-{semantics}-{role}-{cases}".format(**about)


def key(case):
    """Returns the sort key of a case number."""
    return [int(part) for part in case.split(".")]


def read_runs(directory):
    """Returns what each run below ``directory`` stored, in the order of the page."""
    runs = []
    for path in glob.glob(os.path.join(directory, "*", "results.json")):
        with open(path) as file:
            runs.append(json.load(file))

    def order(about):
        return (key(about["tornado"]), key(about["python"]), about["semantics"] != "import",
                about["role"] != "server")
    return sorted((run for run in runs if run["semantics"] != "stock"), key=order)


def row(*cells):
    """Returns one row of a ``list-table``."""
    return "   * - %s\n" % "\n     - ".join(str(cell) for cell in cells)


def run_row(about):
    tally = collections.Counter()
    for behaviour, close, _, _ in about["results"].values():
        pair = {behaviour, close}
        tally[behaviour if len(pair) == 1 else "mixed"] += 1
    ok, informational = tally.pop("OK", 0), tally.pop("INFORMATIONAL", 0)
    return row(about["role"], about["semantics"], about["python"], about["tornado"],
               len(about["results"]), ok, informational, sum(tally.values()))


def verdicts(case, runs):
    """Returns the two cells for ``case``: the verdict of all runs, or of each that differs."""
    cells = []
    for which in (0, 1):
        groups = collections.OrderedDict()
        for about in runs:
            if case in about["results"]:
                groups.setdefault(about["results"][case][which], []).append(slug(about))
        common = max(groups, key=lambda verdict: len(groups[verdict]))
        others = ["%s in %s" % (verdict, ", ".join(names))
                  for verdict, names in groups.items() if verdict != common]
        cells.append("; ".join([common] + others))
    return tuple(cells)


def case_rows(runs):
    """Yields the rows of the table of cases."""
    cases = sorted(set().union(*(about["results"] for about in runs)), key=key)

    def group(case):
        return case.rsplit(".", 1)[0], verdicts(case, runs)
    for (prefix, cells), members in itertools.groupby(cases, group):
        members = list(members)
        span = members[0] if len(members) == 1 else "%s to %s" % (members[0], members[-1])
        yield row(SECTIONS[int(prefix.split(".")[0])], span, len(members), *cells)


def write(path, directory, expectation):
    """Writes the page.

    Args:
        path: The file to write.
        directory: Where the runs have been stored.
        expectation: The decoded ``expect.json``; names the version of the suite.
    """
    runs = read_runs(directory)
    with open(path, "w") as file:
        file.write(HEAD.format(suite=expectation["suite"]))
        file.write(RUNS)
        file.writelines(run_row(about) for about in runs)
        file.write(CASES)
        file.writelines(case_rows(runs))
