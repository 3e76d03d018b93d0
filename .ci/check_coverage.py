"""Combines the coverage of the cells that measured it, if any; judges it if all of them ran.

These are the cells that have ``cov`` in their names; together they have to reach 97.5 %.
"""
from __future__ import absolute_import, division, print_function

import configparser
import glob
import subprocess
import sys


def main():
    """Returns the exit status."""
    config = configparser.ConfigParser(interpolation=None)
    config.read("tox.ini", encoding="utf-8")
    cells = [cell for cell in config["cells"]["names"].split() if "cov" in cell.split("-")]
    absent = [cell for cell in cells if not glob.glob(".coverage.%s.*" % cell)]
    if len(absent) == len(cells):
        print("Coverage is not measured. Cells that would: " + ", ".join(cells))
        return 0
    coverage = [sys.executable, "-m", "coverage"]
    if subprocess.call(coverage + ["combine"]):
        return 1
    if not absent:
        return subprocess.call(coverage + ["report", "--precision=2", "--fail-under=97.5"])
    status = subprocess.call(coverage + ["report"])
    print("Coverage is not judged. Cells that did not run: " + ", ".join(absent))
    return status


if __name__ == "__main__":
    sys.exit(main())
