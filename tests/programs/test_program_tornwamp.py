"""tornwamp, the Web Application Messaging Protocol, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

# Of its unit tests this file opens WebSockets; the others look at messages and topics.
ARGUMENTS = ["-p", "tornwamp_without_curl", "tests/unit/test_handler.py"]


def test_tornwamp_does_the_same_with_either_implementation():
    """C2, C24: among its handlers is one that closes with the code 1, which is none of RFC 6455."""
    with temporary_directory() as directory:
        program = unpack_sdist("tornwamp", directory)
        compare(ARGUMENTS, program, handler="tornwamp.handler.WAMPHandler", fewest=8)
