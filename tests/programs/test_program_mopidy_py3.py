"""Mopidy, the music server, with the tests of its HTTP server that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

ARGUMENTS = ["-p", "mopidy_without_gstreamer", "tests/http"]


def test_mopidy_does_the_same_with_either_implementation():
    """C2: JSON-RPC and events over WebSockets; one is sent when ``ws_connection`` is None."""
    with temporary_directory() as directory:
        program = unpack_sdist("Mopidy", directory)
        compare(ARGUMENTS, program, handler="mopidy.http.handlers.WebSocketHandler", fewest=57)
