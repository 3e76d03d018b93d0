"""terminado, the terminals of Jupyter, with the tests that its sdist holds."""
from __future__ import absolute_import, division, print_function

import terminado
from program_runs import compare, temporary_directory, unpack_sdist

# What destructors complain of is put down to whichever test runs when Python finds the garbage,
# so with Tornado's own module too another test fails in every run.
ARGUMENTS = ["--color=no", "-p", "no:unraisableexception"]

# A connection is closed and another opened at once. That fails, with Tornado's own module too, if
# the shell behind the first has not died of its SIGHUP by then.
RACE = "tests.basic_test.UniqueTermTests.test_max_terminals"
RACES = {RACE: "tests/basic_test.py::UniqueTermTests::test_max_terminals"}


def test_terminado_does_the_same_with_either_implementation():
    """C2: terminals with clients over WebSockets, real shells at the other end."""
    with temporary_directory() as directory:
        program = unpack_sdist("terminado", terminado.__version__, directory)
        compare(ARGUMENTS, program, handler="terminado.websocket.TermSocket", fewest=9,
                races=RACES)
