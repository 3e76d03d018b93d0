"""Panel, dashboards on Bokeh 3, with those of the tests it ships that open WebSockets."""
from __future__ import absolute_import, division, print_function

from program_runs import compare, temporary_directory

ARGUMENTS = [
    "--pyargs", "panel.tests.test_server", "-W", "ignore", "-k",
    "test_get_server or test_server_update or test_server_change_io_state or test_show_server_info"
    " or test_kill_all_servers or test_multiple_titles or test_unauthenticated_websocket"]


def test_panel_does_the_same_with_either_implementation():
    """C2: Bokeh's client pulls sessions from servers of Panel's."""
    with temporary_directory() as directory:
        compare(ARGUMENTS, directory, handler="panel.io.server.WSHandler", fewest=7)
