"""Jupyter's server, with those tests of its sdist that open WebSockets or stand in for one."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

# It makes requests in a way that Tornado 6.6 calls deprecated, and takes warnings for errors.
ARGUMENTS = [
    "--color=no", "-W", "ignore::DeprecationWarning", "tests/base/test_websocket.py",
    "tests/services/events/test_api.py", "tests/services/kernels/test_api.py",
    "tests/test_gateway.py", "tests/test_terminal.py",
    "-k", "websocket or lifecycle or test_connection or create_with_cwd"]

# They start kernels and shells, and wait a few seconds for what those say.
RACES = "test_connection|create_with_cwd"


def test_jupyter_server_does_the_same_with_either_implementation():
    """C2, C24: kernels, terminals, events; handlers whose ``ws_connection`` tests have replaced."""
    with temporary_directory() as directory:
        program = unpack_sdist("jupyter_server", directory)
        compare(ARGUMENTS, program, fewest=20, races=RACES,
                handler="jupyter_server.services.kernels.websocket.KernelWebsocketHandler")
