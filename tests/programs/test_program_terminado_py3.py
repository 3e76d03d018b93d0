"""terminado, the terminals of Jupyter, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory, unpack_sdist

# A test leaves client connections open. Both modules warn of it, which makes a test fail: with
# ours the one that left them, with Tornado's own the one in which Python finds the garbage.
ARGUMENTS = ["--color=no", "-p", "no:unraisableexception"]

# They take a second of silence for the end of what a shell has to say. test_max_terminals has one
# race more, which it loses now and then with Tornado's own module too: it closes a connection,
# opens another at once, and expects the shell behind the first to be dead of its SIGHUP by then.
RACES = "."


def test_terminado_does_the_same_with_either_implementation():
    """C2: terminals with clients over WebSockets, real shells at the other end."""
    with temporary_directory() as directory:
        program = unpack_sdist("terminado", directory)
        compare(ARGUMENTS, program, handler="terminado.websocket.TermSocket", fewest=9,
                races=RACES)
