"""Names that belong to the application: section 12, C35."""
from __future__ import absolute_import, division, print_function

from peers import async_test, each, turns, until, with_rows
from tornado import testing, web
from tornado.httpserver import HTTPServer

from tornado_ws import websocket
from tornado_ws._connection.additions import Additions


@with_rows
class NamesTest(testing.AsyncTestCase):
    """An application may use any name that Tornado 4.3's handler does not have."""

    NAMES_OF_4_3 = set("""
        open on_message on_close on_pong write_message ping close select_subprotocol
        get_compression_options check_origin set_nodelay on_connection_close send_error get
        get_websocket_protocol ws_connection close_code close_reason stream open_args open_kwargs
        _on_close_called _break_cycles __init__ __doc__ __module__
        write redirect set_header set_cookie set_status flush finish""".split())

    def names(self):
        names = list(vars(websocket.WebSocketHandler)) + list(vars(Additions))
        return [name for name in names
                if name not in self.NAMES_OF_4_3 and not name.startswith(("_ws_", "__"))]

    def test_what_is_ours_is_marked(self):
        """Besides what 4.3 has, and what may be overridden, names begin with ``_ws_``."""
        self.assertEqual(sorted(self.names()), [
            "buffered_amount", "close_timeout", "connection_error", "latency",
            "max_buffered_amount", "max_message_size", "measure_latency", "on_ping",
            "ping_interval", "ping_timeout", "selected_subprotocol", "sent_close_code",
            "sent_close_reason", "serial_messages", "wait_closed", "wait_drained", "ws_stats"])

    @each(("instance", True), ("subclass", False))
    @async_test
    def test_an_application_uses_them_itself(self, on_instance):
        """Section 12: the library does not read them in place of what the application meant."""
        names, got = self.names(), []

        class Handler(websocket.WebSocketHandler):
            def initialize(self):
                for name in names if on_instance else ():
                    setattr(self, name, "the application's")

            def on_message(self, message):
                got.append(message)
                self.write_message(message)

            def on_close(self):
                got.append(self.close_code)

        if not on_instance:
            for name in names:
                setattr(Handler, name, "the application's")
        server = HTTPServer(web.Application([("/", Handler)]))
        sock, port = testing.bind_unused_port()
        server.add_sockets([sock])
        conn = yield websocket.websocket_connect("ws://127.0.0.1:%d/" % port)
        yield conn.write_message(u"x")
        conn.ping(b"p")
        self.assertEqual((yield conn.read_message()), u"x")
        conn.close(1000)
        self.assertIs((yield conn.read_message()), None)
        yield until(lambda: len(got) == 2)
        self.assertEqual(got, [u"x", 1000])
        server.stop()
        yield turns(2)
