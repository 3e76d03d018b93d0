"""What a client connection receives and sends: messages, pings, the end (C13, C14, C41, C43)."""
from __future__ import absolute_import, division, print_function

from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, fails
from tornado import gen
from tornado.ioloop import IOLoop
from wire import close_frame, frame

from tornado_ws import websocket
from tornado_ws.websocket import WebSocketClosedError


class Lost(Exception):
    """What a callback of a test raises."""


def text(data):
    return frame(0x81, data, None)


def close(code=1000, reason=b""):
    return close_frame(code, reason, None)


@with_rows
class ReadMessageTest(ClientCase):
    """C41."""

    @each(
        ("text", frame(0x81, b"Hello", None), u"Hello"),
        ("utf8", frame(0x81, b"\xe2\x82\xac", None), u"\u20ac"),
        ("binary", frame(0x82, b"\x00\xff", None), b"\x00\xff"),
        ("empty_text", frame(0x81, b"", None), u""),
        ("empty_binary", frame(0x82, b"", None), b""),
        ("fragments", frame(0x01, b"Hel", None) + frame(0x80, b"lo", None), u"Hello"),
        ("ping_between", frame(0x02, b"a", None) + frame(0x89, b"p", None)
         + frame(0x00, b"", None) + frame(0x80, b"b", None), b"ab"),
        ("length_16", frame(0x82, b"x" * 126, None), b"x" * 126),
        ("length_64", frame(0x82, b"x" * 65536, None), b"x" * 65536),
    )
    @async_test
    def test_message(self, data, message):
        """C18, C41: text is unicode, binary is bytes, fragments come whole."""
        conn, peer = yield self.open()
        peer.send(data)
        received = yield conn.read_message()
        self.assertEqual(received, message)
        self.assertIs(type(received), type(message))

    @async_test
    def test_read_before_the_message(self):
        conn, peer = yield self.open()
        future = conn.read_message()
        self.assertFalse(future.done())
        peer.send(text(b"x"))
        self.assertEqual((yield future), u"x")

    @async_test
    def test_order(self):
        """C41: Futures that wait and messages that wait are served in order."""
        conn, peer = yield self.open()
        first = [conn.read_message() for _ in range(2)]
        peer.send(b"".join(text(name) for name in (b"a", b"b", b"c", b"d")))
        self.assertEqual((yield first), [u"a", u"b"])
        self.assertEqual((yield [conn.read_message() for _ in range(2)]), [u"c", u"d"])

    @each(("1", 1), ("2", 2), ("7", 7))
    @async_test
    def test_frames_in_any_pieces(self, size):
        """TCP may cut the bytes anywhere."""
        conn, peer = yield self.open()
        data = text(b"a" * 130) + frame(0x02, b"b", None) + frame(0x80, b"c", None)
        for pos in range(0, len(data), size):
            yield peer.send(data[pos:pos + size])
            yield turns(2)
        self.assertEqual((yield conn.read_message()), u"a" * 130)
        self.assertEqual((yield conn.read_message()), b"bc")

    @async_test
    def test_frames_with_the_101(self):
        """C41: frames in the segment of the 101 are not lost, nor the close after them."""
        conn, peer = yield self.open(after=text(b"a") + text(b"b") + close())
        self.assertEqual((yield conn.read_message()), u"a")
        self.assertEqual((yield conn.read_message()), u"b")
        self.assertEqual((yield conn.read_message()), None)
        self.assertEqual(conn.close_code, 1000)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe8"))

    @async_test
    def test_half_a_frame_with_the_101(self):
        data = text(b"Hello")
        conn, peer = yield self.open(after=data[:4])
        peer.send(data[4:])
        self.assertEqual((yield conn.read_message()), u"Hello")

    @async_test
    def test_callback(self):
        """C41: ``callback=`` gets the Future, on the loop, as in 4.3; never at once."""
        conn, peer = yield self.open(after=text(b"a") + text(b"b"))
        calls = []
        returned = [conn.read_message(callback=lambda future: calls.append(
            (future, IOLoop.current()))) for _ in range(2)]
        self.assertEqual(calls, [])
        yield until(lambda: len(calls) == 2)
        self.assertEqual(calls, [(future, self.io_loop) for future in returned])
        self.assertEqual([future.result() for future in returned], [u"a", u"b"])

    @async_test
    def test_callback_at_the_end(self):
        conn, peer = yield self.open()
        calls = []
        conn.read_message(calls.append)
        peer.close()
        yield until(lambda: calls)
        self.assertIs(calls[0].result(), None)

    @each(
        ("close_frame", lambda peer: peer.send(close())),
        ("end", lambda peer: peer.close()),
        ("reset", lambda peer: peer.reset()),
        ("protocol_error", lambda peer: peer.send(b"\xff")),
    )
    @async_test
    def test_none_again_and_again(self, end):
        """C41: None once closed, to those who waited and to those who ask later."""
        conn, peer = yield self.open()
        waiting = [conn.read_message() for _ in range(3)]
        end(peer)
        self.assertEqual((yield waiting), [None] * 3)
        for _ in range(3):
            self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_messages_before_the_end_are_delivered(self):
        """C21, C41: what came before the close frame can be read after it."""
        conn, peer = yield self.open()
        peer.send(text(b"a") + text(b"b") + close(1001, b"bye"))
        yield peer.read_frame()
        peer.close()
        yield until(lambda: conn.close_code)
        self.assertEqual((yield [conn.read_message() for _ in range(3)]), [u"a", u"b", None])
        self.assertEqual((conn.close_code, conn.close_reason), (1001, u"bye"))

    @async_test
    def test_nothing_after_a_close_frame(self):
        """C27: nothing received after a close frame is delivered."""
        conn, peer = yield self.open()
        peer.send(close() + text(b"late"))
        self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_read_after_own_close(self):
        """C41: what comes until the server has answered the close can still be read."""
        conn, peer = yield self.open()
        conn.close()
        self.assertEqual((yield peer.read_frame()), (0x88, b""))
        peer.send(text(b"last") + close())
        self.assertEqual((yield conn.read_message()), u"last")
        self.assertIs((yield conn.read_message()), None)


@with_rows
class CallbackStyleTest(ClientCase):
    """C41: with ``on_message_callback``."""

    @async_test
    def test_messages_and_the_final_none(self):
        messages = []
        conn, peer = yield self.open(on_message_callback=messages.append)
        peer.send(text(b"a") + frame(0x82, b"b", None) + close())
        yield until(lambda: None in messages)
        self.assertEqual(messages, [u"a", b"b", None])

    @async_test
    def test_frames_with_the_101(self):
        messages = []
        yield self.open(on_message_callback=messages.append, after=text(b"a") + close())
        yield until(lambda: None in messages)
        self.assertEqual(messages, [u"a", None])

    @each(("end", lambda peer: peer.close()), ("reset", lambda peer: peer.reset()))
    @async_test
    def test_one_none_when_the_socket_ends(self, end):
        messages = []
        conn, peer = yield self.open(on_message_callback=messages.append)
        end(peer)
        yield until(lambda: messages)
        yield turns(10)
        self.assertEqual(messages, [None])
        self.assertEqual((conn.close_code, conn.close_reason), (None, None))

    @async_test
    def test_nothing_comes_to_read_message(self):
        """As in 4.3: a reader waits for ever, or until the end."""
        messages = []
        conn, peer = yield self.open(on_message_callback=messages.append)
        future = conn.read_message()
        peer.send(text(b"a"))
        yield until(lambda: messages)
        yield turns(5)
        self.assertFalse(future.done())

    @async_test
    def test_writing_in_the_callback(self):
        echoes = []

        def echo(message):
            if message is not None:
                conn.write_message(message)
            echoes.append(message)
        future = self.start(on_message_callback=echo)
        peer = yield self.server.accept_websocket()
        conn = yield future
        self.connections.append(conn)
        peer.send(text(b"a") + text(b"b"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"a"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"b"))

    @async_test
    def test_an_error_in_the_callback_ends_the_connection(self):
        """C19: it is logged; the server is told 1011; None still comes."""
        messages = []

        def fail(message):
            messages.append(message)
            if message is not None:
                raise Lost()
        conn, peer = yield self.open(on_message_callback=fail)
        peer.send(text(b"a") + text(b"b"))
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xf3"))
        peer.close()
        yield until(lambda: len(messages) == 2)
        self.assertEqual(messages, [u"a", None])
        self.claim_logs("tornado.application", "Uncaught exception")

    @async_test
    def test_an_error_in_a_coroutine_callback_ends_the_connection(self):
        """C19: also when the Future that it returns fails."""
        @gen.coroutine
        def fail(message):
            yield gen.moment
            if message is not None:
                raise Lost()
        _, peer = yield self.open(on_message_callback=fail)
        peer.send(text(b"a"))
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xf3"))
        self.claim_logs("tornado.application", "Uncaught exception")


@with_rows
class WriteMessageTest(ClientCase):
    @each(
        ("text", (u"Hello",), (0x81, b"Hello")), ("utf8", (u"\u20ac",), (0x81, b"\xe2\x82\xac")),
        ("bytes_as_text", (b"abc",), (0x81, b"abc")), ("dict", ({"a": 1},), (0x81, b'{"a": 1}')),
        ("binary", (b"\x00\xff", True), (0x82, b"\x00\xff")),
        ("bytearray", (bytearray(b"ab"), True), (0x82, b"ab")),
        ("memoryview", (memoryview(b"ab"), True), (0x82, b"ab")), ("empty", (u"",), (0x81, b"")),
        ("length_16", (u"x" * 126,), (0x81, b"x" * 126)),
        ("length_64", (b"x" * 65536, True), (0x82, b"x" * 65536)),
    )
    @async_test
    def test_message(self, arguments, expected):
        """C13: what may be sent, and as what."""
        conn, peer = yield self.open()
        yield conn.write_message(*arguments)
        self.assertEqual((yield peer.read_frame()), expected)

    @each(("none", None), ("int", 1), ("list", ["a"]), ("float", 1.5))
    @async_test
    def test_other_types(self, message):
        """C13: TypeError naming the type; nothing is sent."""
        conn, peer = yield self.open()
        with self.assertRaises(TypeError) as caught:
            conn.write_message(message)
        self.assertIn(type(message).__name__, str(caught.exception))
        conn.write_message(u"next")
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))

    @each(("by_us", True), ("by_the_server", False))
    @async_test
    def test_write_after_close(self, by_us):
        """C43: `WebSocketClosedError` at the call, for `write_message` and `ping`."""
        conn, peer = yield self.open()
        if by_us:
            conn.close()
        else:
            peer.send(close())
            yield conn.read_message()
        with self.assertRaises(WebSocketClosedError):
            conn.write_message(u"late")
        with self.assertRaises(WebSocketClosedError):
            conn.ping()

    @async_test
    def test_write_after_the_socket_is_lost(self):
        """C43."""
        conn, peer = yield self.open()
        peer.close()
        yield conn.read_message()
        with self.assertRaises(WebSocketClosedError):
            conn.write_message(u"late")

    @async_test
    def test_a_write_that_is_not_done_fails_at_the_end(self):
        """C14: the Future fails with WebSocketClosedError when the connection is lost before."""
        conn, peer = yield self.open()
        future = conn.write_message(b"x" * (32 * 1024 * 1024), True)
        self.assertFalse(future.done())
        peer.reset()
        error = yield fails(future)
        self.assertIsInstance(error, WebSocketClosedError)


@with_rows
class CloseTest(ClientCase):
    @each(
        ("nothing", {}, b""), ("code", {"code": 1001}, b"\x03\xe9"),
        ("code_and_reason", {"code": 4000, "reason": u"\u20ac"}, b"\x0f\xa0\xe2\x82\xac"),
        ("reason", {"reason": u"why"}, b"\x03\xe8why"),
    )
    @async_test
    def test_close_frame(self, arguments, payload):
        """C24: the close frame that goes out; `reason` alone means 1000."""
        conn, peer = yield self.open()
        conn.close(**arguments)
        self.assertEqual((yield peer.read_frame()), (0x88, payload))
        peer.send(close())
        self.assertEqual((yield peer.read_rest()), b"")

    @each(
        ("1004", {"code": 1004}), ("1005", {"code": 1005}), ("1006", {"code": 1006}),
        ("1015", {"code": 1015}), ("999", {"code": 999}), ("5000", {"code": 5000}),
        ("negative", {"code": -1}), ("big", {"code": 70000}),
        ("long_reason", {"reason": u"x" * 124}), ("long_utf8", {"reason": u"\u20ac" * 42}),
    )
    @async_test
    def test_bad_arguments(self, arguments):
        """C24: ValueError, nothing is sent, and the connection goes on."""
        conn, peer = yield self.open()
        with self.assertRaises(ValueError):
            conn.close(**arguments)
        conn.write_message(u"still here")
        self.assertEqual((yield peer.read_frame()), (0x81, b"still here"))

    @async_test
    def test_a_second_close_is_a_no_op(self):
        """C24."""
        conn, peer = yield self.open()
        conn.close(1001)
        conn.close(1002)
        conn.close(99)
        peer.send(close())
        self.assertEqual((yield peer.read_frames()), [(0x88, b"\x03\xe9")])

    @each(
        ("empty", frame(0x88, b"", None), (None, None), b""),
        ("code", close(1001), (1001, None), b"\x03\xe9"),
        ("reason", close(4999, b"\xc3\xa9"), (4999, u"\xe9"), b"\x13\x87"),
    )
    @async_test
    def test_close_by_the_server(self, data, expected, answer):
        """C26, C27: code and reason can be read; the answer has the code; then the end."""
        conn, peer = yield self.open()
        peer.send(data)
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual((conn.close_code, conn.close_reason), expected)
        self.assertEqual((yield peer.read_frames()), [(0x88, answer)])

    @each(
        ("masked", frame(0x81, b"x"), 1002), ("rsv", b"\xc1\x00", 1002),
        ("opcode", b"\x83\x00", 1002), ("continuation", b"\x80\x00", 1002),
        ("long_ping", b"\x89\x7e\x00\x7e", 1002), ("close_code", close(1005), 1002),
        ("close_of_one_byte", b"\x88\x01\x03", 1002), ("utf8", b"\x81\x01\xff", 1007),
    )
    @async_test
    def test_protocol_errors(self, data, code):
        """C29: the server is told why; the reader sees the end, the log no more than debug."""
        conn, peer = yield self.open()
        peer.send(data)
        self.assertIs((yield conn.read_message()), None)
        first, payload = yield peer.read_frame()
        self.assertEqual((first, payload[:2]), (0x88, bytes(bytearray(divmod(code, 256)))))
        self.assertEqual((yield peer.read_rest()), b"")


class NamesTest(ClientCase):
    @async_test
    def test_get_websocket_protocol(self):
        """The method of 4.3 that subclasses override."""
        conn, _ = yield self.open()
        self.assertIsInstance(conn.get_websocket_protocol(), websocket.WebSocketProtocol13)
