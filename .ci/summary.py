"""Sums up a run of tox.

    python .ci/summary.py RESULT STATUS ENVIRONMENT...

``RESULT`` is what ``tox --result-json`` wrote, ``STATUS`` the exit status of tox. Prints what was
skipped and why, a line for each environment, the slowest first, what failed and why, and last
``N passed, N failed``: who sees only the end sees what matters. An environment that failed
otherwise than by tests counts as one failure, and so does one that did not run.
"""
from __future__ import absolute_import, division, print_function

import collections
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

#: So many lines of what an environment or a test said when it failed.
TAIL = 15

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

VERSIONS = """
import sys
versions = "Python %d.%d.%d" % sys.version_info[:3]
try:
    import tornado
    versions += ", Tornado " + tornado.version
except ImportError:
    pass
print(versions)
"""


def indent_end(text):
    """Returns the last lines of a text, indented."""
    return "".join("    {}\n".format(line) for line in text.splitlines()[-TAIL:])


def read_tests(environment, skips, failures):
    """Returns how many tests passed, failed and were skipped in an environment.

    Args:
        environment: The name of the environment.
        skips: A dict that counts the skipped tests, as pairs of name and reason.
        failures: A list to which each failed test is added, as a text.
    """
    counts = collections.Counter()
    path = os.path.join(ROOT, ".tox", environment, "junit.xml")
    if not os.path.exists(path):
        return counts
    for case in ElementTree.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        problems = case.findall("failure") + case.findall("error")
        for problem in problems:
            failures.append("{}: {}::{}\n{}".format(
                environment, case.get("classname"), case.get("name"),
                indent_end(problem.text or problem.get("message") or "")))
        if problems:
            counts["failed"] += 1
        elif skipped is not None:
            counts["skipped"] += 1
            skip = (case.get("name"), skipped.get("message"))
            skips[skip] = skips.get(skip, 0) + 1
        else:
            counts["passed"] += 1
    return counts


def describe(environment):
    """Returns which Python and Tornado an environment has, as far as it has them."""
    python = os.path.join(".tox", environment, "bin", "python")
    if not os.path.exists(python):
        return ""
    return subprocess.run(
        [python, "-c", VERSIONS], stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()


def describe_end(result):
    """Returns what the last command of an environment said at its end."""
    commands = result.get("setup", []) + result.get("test", [])
    if not commands:
        return indent_end("it did not run")
    last = commands[-1]
    return indent_end("{}\n{}\nstatus {}".format(
        last.get("output", ""), last.get("err", ""), last.get("retcode")))


def read_results(path):
    """Returns what tox wrote: for each environment a dict. Empty if tox did not get so far."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)["testenvs"]


def main(path, status, *environments):
    """Prints the summary and returns the exit status."""
    results = read_results(path)
    total = collections.Counter()
    skips = {}
    failures = []
    lines = []
    seconds = {name: results.get(name, {}).get("result", {}).get("duration", 0)
               for name in environments}
    for name in sorted(environments, key=seconds.get, reverse=True):
        success = results.get(name, {}).get("result", {}).get("success")
        counts = read_tests(name, skips, failures)
        if not success and not counts["failed"]:
            counts["failed"] = 1
            failures.append("{}\n{}".format(name, describe_end(results.get(name, {}))))
        total += counts
        lines.append("{:33} {:4}  {:5d} passed {:3d} failed {:3d} skipped {:5.0f} s  {}".format(
            name, "ok" if success else "FAIL", counts["passed"], counts["failed"],
            counts["skipped"], seconds[name], describe(name)))
    for (name, reason), times in sorted(skips.items()):
        print("skipped {} times: {}: {}".format(times, name, reason))
    print("\n".join(lines))
    for failure in failures:
        print("failed in " + failure)
    if int(status) and not total["failed"]:
        total["failed"] = 1
    print("{} passed, {} failed".format(total["passed"], total["failed"]))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
