"""OpenTelemetry's instrumentation of Tornado, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

PROJECT = "opentelemetry-instrumentation-tornado"
HANDLER = "tests.tornado_test_app.EchoWebSocketHandler"


def test_opentelemetry_does_the_same_with_either_implementation():
    """C2: spans and metrics of handlers, among them one of a WebSocket."""
    with temporary_directory() as directory:
        program = unpack_sdist(PROJECT, directory)
        compare(["tests"], program, handler=HANDLER, fewest=47)
