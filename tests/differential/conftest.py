"""Collect these tests only where Tornado 4.3 itself is there to compare with; say so elsewhere."""
from __future__ import absolute_import, division, print_function

import tornado

if tornado.version_info[:2] == (4, 3):
    collect_ignore_glob = []
    NOTICE = None
else:
    collect_ignore_glob = ["test_*.py"]
    NOTICE = ("tests/differential not collected: it compares with Tornado 4.3, "
              "and %s is installed" % tornado.version)


def pytest_terminal_summary(terminalreporter):
    """Print the reason at the end of the run, where it is seen."""
    if NOTICE is not None:
        terminalreporter.write_line(NOTICE)
