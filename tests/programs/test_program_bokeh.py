"""Bokeh, whose server and client both use ``tornado.websocket``, with the tests it ships."""
from __future__ import absolute_import, division, print_function

import os

import bokeh
from program_runs import compare, one_at_a_time, temporary_directory

ARGUMENTS = ["--pyargs", "bokeh.server.tests", "bokeh.server.views.tests", "bokeh.client.tests",
             "bokeh.tests.test_client_server",
             "-W", "ignore", "--rootdir", os.path.dirname(os.path.dirname(bokeh.__file__))]

# In 1.4 it expects of HTTPServer a call that only Tornado 6's makes; no WebSocket is involved.
KNOWN_FAILURES = [] if bokeh.__version__ < "1.4" else [
    "bokeh.server.tests.test_server.test__server_multiple_processes"]

# They expect an order of timers that are due a millisecond apart; no WebSocket is involved.
RACES = r"test__lifecycle_hooks|\.TestCallbackGroup\."


def test_bokeh_does_the_same_with_either_implementation():
    """C2, C41: the tests of its server and client, which the installed package holds."""
    with one_at_a_time("bokeh"), temporary_directory() as directory:
        compare(ARGUMENTS, directory, handler="bokeh.server.views.ws.WSHandler", fewest=142,
                known_failures=KNOWN_FAILURES, races=RACES)
