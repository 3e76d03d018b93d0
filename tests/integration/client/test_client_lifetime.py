"""Who keeps a client connection alive, and what happens when nobody does (C28, C43).

The cycle collector is off: what is freed here is freed by its reference count.
"""
from __future__ import absolute_import, division, print_function

import gc
import platform
import unittest
import warnings
import weakref

from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, fails
from tornado import gen
from wire import close_frame, frame

from tornado_ws.websocket import WebSocketClientConnection

CPYTHON = platform.python_implementation() == "CPython"


class LifetimeCase(ClientCase):
    def setUp(self):
        super(LifetimeCase, self).setUp()
        gc.collect()
        gc.disable()

    def tearDown(self):
        gc.enable()
        self.server.close_peers()
        # One that was open when its loop is closed would be the next test's.
        self.io_loop.run_sync(lambda: until(lambda: not self.find_open()), 60)
        super(LifetimeCase, self).tearDown()

    def find_open(self):
        """Return the connections on this test's loop that are open, whoever refers to them."""
        return [found for found in gc.get_objects() if isinstance(found, WebSocketClientConnection)
                and found.io_loop is self.io_loop
                and found.protocol is not None and not found.protocol.is_closing()]

    @gen.coroutine
    def open(self, *args, **kwargs):
        """As `ClientCase.open`, but nothing here keeps the connection."""
        conn, peer = yield super(LifetimeCase, self).open(*args, **kwargs)
        self.connections.remove(conn)
        raise gen.Return((conn, peer))

    def catch_resource_warnings(self):
        catcher = warnings.catch_warnings(record=True)
        caught = catcher.__enter__()
        self.addCleanup(catcher.__exit__, None, None, None)
        warnings.simplefilter("always")
        return lambda: [entry for entry in caught
                        if entry.category.__name__ == "ResourceWarning"]


@unittest.skipUnless(CPYTHON, "only CPython counts references")
@with_rows
class UnclosedTest(LifetimeCase):
    """C43: an open connection lives, whether or not anybody refers to it."""

    @gen.coroutine
    def check_it_is_served(self, peer):
        gc.collect()
        yield turns(5)
        peer.send(frame(0x89, b"are you there?", None))
        answer = yield peer.read_frame()
        while answer.first != 0x8A:
            answer = yield peer.read_frame()
        self.assertEqual(answer.payload, b"are you there?")

    @each(
        ("idle", {}, b""),
        ("compressed", {"compression_options": {}}, b""),
        ("pinging", {"ping_interval": 30}, b""),
        ("with_messages_unread", {}, frame(0x81, b"x", None) * 100),
    )
    @async_test
    def test_it_stays_open_and_is_freed_at_its_end(self, arguments, after):
        """C43: its pings are answered; when the peer closes it is freed without the collector."""
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open(after=after, **arguments)
        reference = weakref.ref(conn)
        del conn
        yield self.check_it_is_served(peer)
        peer.send(close_frame(1000, b"", None))
        yield peer.read_rest()
        yield until(lambda: reference() is None)
        self.assertEqual(warned(), [])

    @async_test
    def test_after_a_read_and_a_write(self):
        conn, peer = yield self.open()
        future = conn.read_message()
        peer.send(frame(0x81, b"x", None))
        self.assertEqual((yield future), u"x")
        yield conn.write_message(u"y")
        self.assertEqual((yield peer.read_frame()), (0x81, b"y"))
        del conn
        yield self.check_it_is_served(peer)

    @async_test
    def test_a_connection_that_nobody_took(self):
        """C43: the Future itself is dropped before it is done."""
        self.start()
        peer = yield self.server.accept_websocket()
        yield self.check_it_is_served(peer)


@unittest.skipUnless(CPYTHON, "only CPython counts references")
@with_rows
class ClosedTest(LifetimeCase):
    """C28 for the client: a closed connection is freed, and says nothing."""

    @each(
        ("by_us", lambda conn, peer: conn.close()),
        ("by_the_server", lambda conn, peer: peer.send(close_frame(1000, b"", None))),
        ("by_the_socket", lambda conn, peer: peer.close()),
        ("by_a_reset", lambda conn, peer: peer.reset()),
        ("by_an_error", lambda conn, peer: peer.send(b"\xff\xff")),
    )
    @async_test
    def test_it_is_freed_without_a_warning(self, end):
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open(compression_options={})
        end(conn, peer)
        if not peer.stream.closed():
            peer.send(close_frame(1000, b"", None))
        self.assertIs((yield conn.read_message()), None)
        peer.close()
        reference = weakref.ref(conn)
        del conn
        yield until(lambda: reference() is None)
        self.assertEqual(warned(), [])

    @async_test
    def test_close_and_let_go_at_once(self):
        """The closing handshake goes on without the connection's user."""
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open()
        conn.close(1001)
        del conn
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe9"))
        peer.send(close_frame(1001, b"", None))
        self.assertEqual((yield peer.read_rest()), b"")
        self.assertEqual(warned(), [])

    @async_test
    def test_write_and_close_and_let_go_at_once(self):
        """What was written before the close leaves, however much it is."""
        conn, peer = yield self.open()
        conn.write_message(b"x" * 8000000, True)
        conn.close()
        del conn
        message = yield peer.read_frame()
        self.assertEqual((message.first, len(message.payload)), (0x82, 8000000))
        self.assertEqual((yield peer.read_frame()), (0x88, b""))
        peer.close()

    @async_test
    def test_a_refused_connection_leaves_nothing(self):
        warned = self.catch_resource_warnings()
        before = len(gc.get_objects())
        for _ in range(20):
            future = self.start()
            peer = yield self.server.accept()
            peer.close()
            yield fails(future)
        yield turns(5)
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, 2000)
        self.assertEqual(warned(), [])


@with_rows
class AliveTest(LifetimeCase):
    """C43: while somebody can still be told something the connection lives."""

    @async_test
    def test_a_pending_read_keeps_it(self):
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open()
        future = conn.read_message()
        del conn
        yield turns(10)
        gc.collect()
        self.assertEqual(warned(), [])
        peer.send(frame(0x81, b"x", None))
        self.assertEqual((yield future), u"x")

    @async_test
    def test_a_pending_read_keeps_it_until_the_end(self):
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open()
        future = conn.read_message()
        del conn
        gc.collect()
        peer.send(close_frame(1000, b"", None))
        self.assertIs((yield future), None)
        self.assertEqual((yield peer.read_frames()), [(0x88, b"\x03\xe8")])
        self.assertEqual(warned(), [])

    @async_test
    def test_on_message_callback_keeps_it(self):
        messages = []
        warned = self.catch_resource_warnings()
        conn, peer = yield self.open(on_message_callback=messages.append)
        del conn
        gc.collect()
        peer.send(frame(0x81, b"a", None))
        yield until(lambda: messages)
        gc.collect()
        peer.send(frame(0x81, b"b", None) + close_frame(1000, b"", None))
        yield until(lambda: None in messages)
        self.assertEqual(messages, [u"a", u"b", None])
        self.assertEqual(warned(), [])

    @async_test
    def test_pings_go_on_while_it_lives(self):
        """A pending read, nobody else: keepalive works."""
        conn, peer = yield self.open(ping_interval=0.02, ping_timeout=0)
        future = conn.read_message()
        del conn
        gc.collect()
        for _ in range(3):
            self.assertEqual((yield peer.read_frame()), (0x89, b""))
        peer.send(close_frame(1000, b"", None))
        self.assertIs((yield future), None)
