"""What a client keeps, and for how long: C41, C42, C43."""
from __future__ import absolute_import, division, print_function

import sys

from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, settled
from tornado import gen
from wire import close_frame, frame

from tornado_ws._connection import delivery as _delivery

TEXT = frame(0x81, b"x", None)


@with_rows
class BoundsTest(ClientCase):

    @async_test
    def test_c42_the_bound_holds_after_our_close(self):
        """C42: what a peer goes on sending is dropped; its close frame is found all the same."""
        conn, peer = yield self.open()
        conn.close(1000)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe8"))
        for _ in range(10):
            yield peer.stream.write(TEXT * 1000)
        peer.send(close_frame(1000, b"", None))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: conn.close_code)
        count = len(conn.read_queue)
        self.assertTrue(0 < count <= _delivery.READ_AHEAD_COUNT, count)
        for _ in range(count):
            self.assertEqual((yield conn.read_message()), u"x")
        self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_c42_after_our_close_no_gap(self):
        """C42: after the first message that is dropped none comes, though there is room."""
        conn, peer = yield self.open()
        conn.close(1000)
        peer.send(*[frame(0x81, b"%d" % i, None) for i in range(1000)])
        yield until(lambda: conn.protocol is None and len(conn.read_queue) >= 256)
        got = []
        for _ in range(100):
            got.append((yield conn.read_message()))
        peer.send(*[frame(0x81, b"%d" % i, None) for i in range(1000, 1100)])
        peer.send(close_frame(1000, b"", None))
        while got[-1] is not None:
            got.append((yield conn.read_message()))
        self.assertEqual(got[:-1], [u"%d" % i for i in range(_delivery.READ_AHEAD_COUNT)])
        self.assertEqual(conn.close_code, 1000)

    @async_test
    def test_c42_by_bytes(self):
        """C42: few large messages are as much as many small ones."""
        conn, peer = yield self.open()
        large = frame(0x82, b"x" * 300000, None)
        writing = peer.stream.write(large * 20)
        waiting = yield settled(lambda: len(conn.read_queue))
        self.assertLess(waiting * 300000, 3 * _delivery.READ_AHEAD_BYTES)
        for _ in range(20):
            self.assertEqual(len((yield conn.read_message())), 300000)
        yield writing

    @async_test
    def test_c42_reading_goes_on_when_little_waits(self):
        """C42: not with each message that is taken out of a full queue."""
        conn, peer = yield self.open()
        peer.send(TEXT * 1000)
        yield until(lambda: len(conn.read_queue) >= _delivery.READ_AHEAD_COUNT)
        waiting = len(conn.read_queue)
        for _ in range(10):
            yield conn.read_message()
        yield turns(10)
        self.assertEqual(len(conn.read_queue), waiting - 10)
        for _ in range(990):
            yield conn.read_message()

    @async_test
    def test_c42_done_futures_in_a_row(self):
        """C42: at most so many; then one that the loop resolves, in order."""
        conn, peer = yield self.open()
        peer.send(*[frame(0x81, b"%d" % i, None) for i in range(100)])
        yield until(lambda: len(conn.read_queue) == 100)
        futures = [conn.read_message() for _ in range(40)]
        self.assertEqual([future.done() for future in futures], [True] * 32 + [False] * 8)
        got = yield futures
        self.assertEqual(got, [u"%d" % i for i in range(40)])
        for i in range(40, 100):
            self.assertEqual((yield conn.read_message()), u"%d" % i)

    @async_test
    def test_c42_a_reader_that_calls_itself(self):
        """C42: a coroutine for each message does not overflow the stack."""
        conn, peer = yield self.open()
        got = []

        @gen.coroutine
        def read_all():
            message = yield conn.read_message()
            if message is not None:
                got.append(message)
                yield read_all()

        peer.send(TEXT * 200 + close_frame(1000, b"", None))
        yield until(lambda: len(conn.read_queue) == 200)
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(1000, before))
        try:
            yield read_all()
        finally:
            sys.setrecursionlimit(before)
        self.assertEqual(len(got), 200)

    @each(("callback", True), ("future", False))
    @async_test
    def test_c41_told_of_the_connection_before_its_first_message(self, by_callback):
        """C41: also if the message, or the end, came with the 101."""
        order = []
        for after in (TEXT, close_frame(1000, b"", None)):
            del order[:]
            arguments = {}
            if by_callback:
                arguments["callback"] = lambda future: order.append("connected")
            future = self.start(on_message_callback=order.append, **arguments)
            yield self.server.accept_websocket(after=after)
            if not by_callback:
                yield future
                order.append("connected")
            yield until(lambda: len(order) >= 2)
            self.assertEqual(order[:2], ["connected", u"x" if after == TEXT else None])
            conn = yield future
            conn.close()

    @async_test
    def test_c43_close_leaves_no_protocol(self):
        """C24: whatever stands there, as on the server's side."""
        class Other(object):
            def close(self, code, reason):
                return self

        conn, peer = yield self.open()
        protocol, conn.protocol = conn.protocol, Other()
        conn.close()
        self.assertIs(conn.protocol, None)
        protocol.close()
        self.assertEqual((yield peer.read_frame()), (0x88, b""))
        peer.send(close_frame(None, b"", None))
        yield until(lambda: conn._ws_protocol is None)
        self.assertIs(conn.close(), None)
