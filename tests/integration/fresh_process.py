"""Programs in interpreters of their own, where nothing is imported yet."""
from __future__ import absolute_import, division, print_function

import os
import sys
import textwrap

import timed_process

import tornado_ws

DEADLINE = 60  # seconds after which a program that hangs is killed

_ROOT = os.path.dirname(os.path.dirname(os.path.realpath(tornado_ws.__file__)))


def run_fresh(program, directory=None):
    """Run a program and return the lines that it printed; it has to end with status 0.

    Warnings of the kinds that we issue are errors in it.

    Args:
        program: Its text; indented as a whole where that reads better.
        directory: A directory with modules that it may import, or None.

    Returns:
        A list of str.

    Raises:
        AssertionError: It failed; with what it printed.
    """
    path = [str(directory)] if directory else []
    if not os.environ.get("TORNADO_WS_INSTALLED"):
        path.append(_ROOT)
    status, output = timed_process.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", textwrap.dedent(program)], DEADLINE,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)))
    if status:
        raise AssertionError("status %d\n%s" % (status, output))
    return output.splitlines()
