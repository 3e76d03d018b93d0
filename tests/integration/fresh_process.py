"""Programs in interpreters of their own, where nothing is imported yet."""
from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys
import textwrap
import threading

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
    process = subprocess.Popen(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)))
    timer = threading.Timer(DEADLINE, process.kill)
    timer.start()
    try:
        output = process.communicate()[0].decode("utf-8", "replace")
    finally:
        timer.cancel()
    if process.returncode:
        raise AssertionError("status %d\n%s" % (process.returncode, output))
    return output.splitlines()
