"""Programs that tests run, and that may hang."""
from __future__ import absolute_import, division, print_function

import os
import subprocess
import threading

# For ``pip download`` of Python 2.7, which fails where the machine's configuration has constraints.
UNCONSTRAINED = dict(os.environ, PIP_CONSTRAINT=os.devnull)


def communicate(command, seconds, **options):
    """Run a program and kill it if it takes too long.

    Args:
        command: A list of str.
        seconds: How long it may take.
        **options: As of ``subprocess.Popen``; standard output is always a pipe.

    Returns:
        Its exit status, and what it wrote to standard output and to standard error, as str;
        None for the latter if that is no pipe.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        texts = [written if written is None else written.decode("utf-8", "replace")
                 for written in process.communicate()]
    finally:
        timer.cancel()
    return (process.returncode,) + tuple(texts)


def run(command, seconds, **options):
    """Run a program as `communicate` does; return its exit status and all that it printed."""
    return communicate(command, seconds, stderr=subprocess.STDOUT, **options)[:2]
