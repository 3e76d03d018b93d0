"""webssh, SSH in a browser, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

ARGUMENTS = ["tests/test_app.py"]

# The SSH server of these tests waits five seconds for what a client does next, and no longer.
RACES = "."


def test_webssh_does_the_same_with_either_implementation():
    """C2: clients over WebSockets, an SSH server of the tests' own at the other end."""
    with temporary_directory() as directory:
        program = unpack_sdist("webssh", directory)
        compare(ARGUMENTS, program, handler="webssh.handler.WsockHandler", fewest=51, races=RACES)
