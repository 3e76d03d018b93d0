"""OpenTelemetry's instrumentation of Tornado, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

PROJECT = "opentelemetry-instrumentation-tornado"
HANDLER = "tests.tornado_test_app.EchoWebSocketHandler"

# The one left out listens on a certain port, which another program may have.
ARGUMENTS = ["tests/test_instrumentation.py", "-k", "not test_remove_sensitive_params"]

# It gives the end of a connection half a second.
RACES = "test_websockethandler"


def test_opentelemetry_does_the_same_with_either_implementation():
    """C2: spans of requests, among them that of a WebSocket with what its handler does in it."""
    with temporary_directory() as directory:
        program = unpack_sdist(PROJECT, directory)
        compare(ARGUMENTS, program, handler=HANDLER, fewest=29, races=RACES)
