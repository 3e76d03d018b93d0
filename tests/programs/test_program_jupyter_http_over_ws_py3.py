"""jupyter_http_over_ws, Colab's way to a notebook of one's own, with the tests it ships."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory

# For TLS these tests want a certificate that is not in the package.
ARGUMENTS = ["--pyargs", "jupyter_http_over_ws.handlers_test", "-k", "not HttpsTest"]


def test_jupyter_http_over_ws_does_the_same_with_either_implementation():
    """C2, C24: it refuses by closing with the codes 400, 404 and 500, which are HTTP's."""
    with temporary_directory() as directory:
        compare(ARGUMENTS, directory, fewest=35,
                handler="jupyter_http_over_ws.handlers.HttpOverWebSocketHandler")
