"""A client that does not read: what waits is bounded, the server is held back (C22, C42)."""
from __future__ import absolute_import, division, print_function

from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, settled
from tornado import gen
from tornado.concurrent import Future
from wire import close_frame, frame

FLOOD = 64 * 1024 * 1024  # bytes: several times what sockets and a bounded queue can hold
BOUND = 24 * 1024 * 1024
CHUNK = 256 * 1024


class Flood(object):
    """Sends one frame over and over, as fast as TCP takes it; counts what TCP has taken."""

    def __init__(self, peer, one, count):
        self.done = False
        self.sent = 0
        self._peer = peer
        self._one = one
        self._count = count

    @gen.coroutine
    def run(self):
        batch = max(1, CHUNK // len(self._one))
        left = self._count
        while left:
            now = min(batch, left)
            yield self._peer.stream.write(self._one * now)
            self.sent += now * len(self._one)
            left -= now
        self.done = True


def start_flood(peer, one, size=FLOOD):
    flood = Flood(peer, one, size // len(one))
    return flood, flood.run()


@with_rows
class QueueTest(ClientCase):
    """C42: without a reader a bounded number of messages or bytes waits."""

    @each(
        ("large", frame(0x82, b"x" * 65536, None)),
        ("middle", frame(0x82, b"x" * 4000, None)),
        ("fragmented", frame(0x02, b"x" * 32768, None) + frame(0x80, b"x" * 32768, None)),
    )
    @async_test
    def test_the_server_is_held_back_and_goes_on(self, one):
        """C42: the server's send blocks; when the app reads it goes on, and nothing is lost."""
        conn, peer = yield self.open()
        flood, run = start_flood(peer, one)
        sent = yield settled(lambda: flood.sent)
        self.assertFalse(flood.done)
        self.assertLess(sent, BOUND)
        count = 0
        while not flood.done:
            self.assertIsNotNone((yield conn.read_message()))
            count += 1
        yield run
        peer.send(frame(0x81, b"last", None))
        while (yield conn.read_message()) != u"last":
            count += 1
        self.assertEqual(count, FLOOD // len(one))

    @each(
        ("empty", frame(0x81, b"", None)), ("one_byte", frame(0x81, b"x", None)),
        ("binary", frame(0x82, b"x" * 10, None)),
    )
    @async_test
    def test_small_messages_are_counted(self, one):
        """C42: bounded by count, not by bytes alone: each message costs more than its bytes."""
        conn, peer = yield self.open()
        flood, run = start_flood(peer, one)
        yield settled(lambda: (flood.sent, len(conn.read_queue)))
        self.assertFalse(flood.done)
        self.assertLess(len(conn.read_queue), 1024)
        peer.close()
        try:
            yield run
        except EnvironmentError:
            pass

    @async_test
    def test_a_large_message_is_bounded_too(self):
        """C42: by bytes: of messages as large as the bound not many wait."""
        one = frame(0x82, b"x" * 4000000, None)
        conn, peer = yield self.open()
        flood, run = start_flood(peer, one)
        yield settled(lambda: (flood.sent, len(conn.read_queue)))
        self.assertFalse(flood.done)
        self.assertLess(sum(len(message) for message in conn.read_queue), BOUND)
        peer.close()
        try:
            yield run
        except EnvironmentError:
            pass

    @async_test
    def test_pings_are_answered_while_the_queue_has_room(self):
        """C42: nobody reads, and yet the server gets its pong."""
        conn, peer = yield self.open()
        peer.send(frame(0x81, b"a", None) * 10 + frame(0x89, b"there?", None))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"there?"))
        self.assertEqual((yield [conn.read_message() for _ in range(10)]), [u"a"] * 10)

    @async_test
    def test_pings_are_answered_when_reading_goes_on(self):
        """C42: a ping behind a full queue is answered when the app has read."""
        conn, peer = yield self.open()
        count = 5000
        peer.send(frame(0x81, b"x" * 1000, None) * count + frame(0x89, b"p", None))
        answer = peer.read_frame()
        yield turns(20)
        self.assertFalse(answer.done())
        for _ in range(count):
            yield conn.read_message()
        self.assertEqual((yield answer), (0x8A, b"p"))

    @async_test
    def test_the_end_is_seen_behind_a_full_queue(self):
        """C41, C42: what waits can be read when the socket is long closed; then None."""
        conn, peer = yield self.open()
        count = 5000
        peer.send(frame(0x81, b"x", None) * count + close_frame(1001, b"", None))
        peer.finish()
        for _ in range(count):
            self.assertEqual((yield conn.read_message()), u"x")
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual(conn.close_code, 1001)

    @async_test
    def test_close_with_a_full_queue(self):
        """C24: a client that has not read and closes gets the server's close all the same."""
        conn, peer = yield self.open()
        peer.send(frame(0x81, b"x", None) * 5000)
        yield settled(lambda: len(conn.read_queue))
        conn.close(1000)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe8"))
        peer.send(close_frame(1000, b"", None))
        self.assertEqual((yield peer.read_rest()), b"")
        while (yield conn.read_message()) is not None:
            pass
        self.assertEqual(conn.close_code, 1000)

    @async_test
    def test_waiting_readers_bypass_the_queue(self):
        """C42: while somebody waits nothing is held back."""
        conn, peer = yield self.open()
        futures = [conn.read_message() for _ in range(3000)]
        peer.send(frame(0x81, b"x", None) * 3000)
        self.assertEqual((yield futures), [u"x"] * 3000)


@with_rows
class CallbackFlowTest(ClientCase):
    @async_test
    def test_callbacks_are_not_held_back(self):
        """C41: with a plain on_message_callback all that comes is delivered."""
        messages = []
        conn, peer = yield self.open(on_message_callback=messages.append)
        peer.send(frame(0x81, b"x", None) * 5000 + close_frame(1000, b"", None))
        yield until(lambda: None in messages)
        self.assertEqual(len(messages), 5001)

    @async_test
    def test_a_future_of_the_callback_holds_nothing_back(self):
        """C20: as in 4.3 the next message does not wait for a Future."""
        messages, gate = [], Future()

        def wait(message):
            messages.append(message)
            return gate
        conn, peer = yield self.open(on_message_callback=wait)
        peer.send(frame(0x81, b"a", None) + frame(0x81, b"b", None))
        yield until(lambda: len(messages) == 2)
        gate.set_result(None)


class FairnessTest(ClientCase):
    @async_test
    def test_a_busy_connection_does_not_starve_the_loop(self):
        """C22: however much there is to read, few messages are delivered in a turn of the loop."""
        per_turn = [0]

        def count(message):
            per_turn[-1] += 1
        conn, peer = yield self.open(on_message_callback=count)
        peer.send(frame(0x81, b"x", None) * 100000 + close_frame(1000, b"", None))
        while not conn.close_code:
            yield gen.moment
            per_turn.append(0)
        yield until(lambda: sum(per_turn) == 100001)
        self.assertLess(max(per_turn), 1500)
