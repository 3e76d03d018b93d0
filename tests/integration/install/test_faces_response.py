"""The 101 as a response, and what programs put in the place of our objects: section 11, C24."""
from __future__ import absolute_import, division, print_function

import errno
import socket
import unittest

import tornado
from installed import installed
from peers import HANDSHAKE, Noted, WebSocketCase, async_test, until
from raw_server import ClientCase
from tornado import web
from wire import close_frame, frame

AS_RESPONSE = unittest.skipIf(tornado.version_info < (4, 5), "there the protocol writes it")


class Plain(Noted, installed.WebSocketHandler):
    """Notes what comes."""


class Stamp(web.OutputTransform):
    """Adds a header to each response."""

    def transform_first_chunk(self, status_code, headers, chunk, finishing):
        headers["X-Transformed"] = "yes"
        return status_code, headers, chunk


@AS_RESPONSE
class ResponseTest(WebSocketCase):

    @async_test
    def test_overrides_see_the_101(self):
        """Section 11: ``finish``, ``flush``, transforms and ``on_finish``; their headers arrive."""
        class Overriding(Plain):
            def finish(self, *args, **kwargs):
                self.set_header("X-Finish", "yes")
                return super(Overriding, self).finish(*args, **kwargs)

            def flush(self, *args, **kwargs):
                self.set_header("X-Flush", "yes")
                return super(Overriding, self).flush(*args, **kwargs)

            def on_finish(self):
                self.note("on_finish", self.get_status())

        self._app.transforms.append(Stamp)
        peer = yield self.open_raw(Overriding, after=frame(0x81, b"a"))
        fields = dict(peer.response[1])
        self.assertEqual([fields.get(name) for name in ("X-Finish", "X-Flush", "X-Transformed")],
                         ["yes"] * 3)
        self.assertNotIn("Content-Length", fields)
        self.assertNotIn("Transfer-Encoding", fields)
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes, [("on_finish", 101), ("open",), ("message", u"a")])

    @async_test
    def test_instrumentation_of_the_connection_sees_it(self):
        """Section 11: an agent that wraps ``write_headers`` and ``finish`` of the connection."""
        seen = []

        class Watched(Plain):
            def prepare(self):
                connection = self.request.connection
                for name in ("write_headers", "finish"):
                    self.watch(connection, name)

            @staticmethod
            def watch(connection, name):
                method = getattr(connection, name)

                def wrapper(*args, **kwargs):
                    seen.append(name)
                    return method(*args, **kwargs)

                setattr(connection, name, wrapper)

        yield self.open_raw(Watched)
        self.assertEqual(seen, ["write_headers", "finish"])

    @async_test
    def test_nodelay_is_set_last(self):
        """Section 11: what HTTP does at the end of a response does not undo it."""
        yield self.open_raw(Plain)
        sock = self.handler.ws_connection.stream.socket
        self.assertTrue(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    @async_test
    def test_an_error_after_the_head_is_out(self):
        """Section 11: the socket is closed, the error logged."""
        class Failing(Plain):
            def finish(self, *args, **kwargs):
                super(Failing, self).finish(*args, **kwargs)
                raise IOError(errno.EIO, "failed in finish")

        peer = yield self.connect_raw()
        peer.send_request(self.add(Failing), HANDSHAKE)
        yield peer.read_rest()
        yield until(lambda: any("Uncaught" in entry.message for entry in self.log.entries))
        self.claim_logs("tornado.application", "Uncaught exception")
        self.assertEqual(self.notes, [])


@AS_RESPONSE
class NoKeepAliveTest(WebSocketCase):

    server_options = {"no_keep_alive": True}

    @async_test
    def test_a_server_without_keep_alive(self):
        """Section 11: its WebSockets go on."""
        peer = yield self.open_raw(Plain)
        self.assertEqual(dict(peer.response[1])["Connection"], "Upgrade")
        peer.send(frame(0x81, b"a"))
        yield until(lambda: ("message", u"a") in self.notes)


class ReplacedTest(WebSocketCase):

    @async_test
    def test_close_leaves_no_connection_whatever_stood_there(self):
        """C24: programs put other objects into ``ws_connection``."""
        class Other(object):
            def close(self, code, reason):
                return self

        peer = yield self.open_raw(Plain)
        handler = self.handler
        protocol, handler.ws_connection = handler.ws_connection, Other()
        handler.close()
        self.assertIsNone(handler.ws_connection)
        with self.assertRaises(installed.WebSocketClosedError):
            handler.write_message(u"x")
        protocol.close()
        peer.send(close_frame())
        yield until(lambda: self.notes[-1][0] == "close")


@unittest.skipIf(tornado.version_info < (5, 1), "there it is a deque")
class QueueTest(ClientCase):

    websocket = installed

    @async_test
    def test_the_queue_of_messages(self):
        """Section 11: ``read_queue`` has ``get``, ``qsize`` and ``empty``."""
        future = installed.websocket_connect(self.server_url())
        peer = yield self.server.accept_websocket()
        conn = yield future
        self.connections.append(conn)
        self.assertTrue(conn.read_queue.empty())
        peer.send(frame(0x81, b"a", None) + frame(0x81, b"b", None))
        self.assertEqual((yield conn.read_queue.get()), u"a")
        yield until(lambda: conn.read_queue.qsize() == 1)
        self.assertEqual((yield conn.read_queue.get()), u"b")
