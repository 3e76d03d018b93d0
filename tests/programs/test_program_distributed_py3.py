"""distributed, the clusters of Dask, with its ``ws://`` and ``wss://`` communication.

It ships no tests; ``distributed_program_py3.py`` holds those to run.
"""
from __future__ import absolute_import, division, print_function

import os

from program_runs import HERE, compare, temporary_directory

ARGUMENTS = [os.path.join(HERE, "distributed_program_py3.py"), "-c", os.devnull,
             "--rootdir", HERE, "--noconftest"]


def test_distributed_does_the_same_with_either_implementation():
    """C2: a scheduler, workers and a client that speak WebSocket with each other."""
    with temporary_directory() as directory:
        compare(ARGUMENTS, directory, handler="distributed.comm.ws.WSHandler", fewest=8)
