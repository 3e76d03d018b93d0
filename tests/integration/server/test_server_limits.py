"""Limits of what a server receives: contract section 9, C35 and C36."""
from __future__ import absolute_import, division, print_function

from peers import WRONG_LIMITS, Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen
from wire import deflate, frame, h

from tornado_ws import websocket

DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate")
STREAM_LIMIT = 70000


class Sizes(Noted, websocket.WebSocketHandler):
    """Notes the size of each message."""

    def on_message(self, message):
        self.note("message", len(message))

    def get_compression_options(self):
        return {}


def limited(limit):
    """Return such a handler with a limit of its own."""
    return type("Limited", (Sizes,), {"max_message_size": limit})


Ten = limited(10)


class LimitCase(WebSocketCase):

    @gen.coroutine
    def check(self, handler_class, frames, size, headers=(DEFLATE,)):
        """Send frames; check for a message of that size, or for 1009 if it is None."""
        peer = yield self.open_raw(handler_class, headers)
        peer.send(*frames)
        if size is None:
            first, payload = yield peer.read_frame()
            self.assertEqual((first, payload[:2]), (0x88, h("03f1")))
            peer.close()
            yield until(lambda: ("close", None, None) in self.notes)
            self.assertEqual(self.notes[-2:], [("open",), ("close", None, None)])
        else:
            peer.send(frame(0x89, b"still open"))
            self.assertEqual((yield peer.read_frame()), (0x8A, b"still open"))
            self.assertEqual(self.notes[:2], [("open",), ("message", size)])


def cut(size, pieces, first):
    """Return a message of x as frames of ``pieces`` bytes."""
    data = b"x" * size
    parts = [data[i:i + pieces] for i in range(0, size, pieces)]
    return [frame((first if not i else 0) | (0x80 if i == len(parts) - 1 else 0), part)
            for i, part in enumerate(parts)]


def cut_deflated(size, pieces):
    data = deflate(b"x" * size)
    parts = [data[i:i + pieces] for i in range(0, len(data), pieces)]
    return [frame((0x42 if not i else 0) | (0x80 if i == len(parts) - 1 else 0), part)
            for i, part in enumerate(parts)]


AROUND = [("%s_of_%d" % (word, limit), limit, size, size if size <= limit else None)
          for limit in (10, 125, 126, 1000, 65536)
          for word, size in [("below", limit - 1), ("at", limit), ("above", limit + 1)]]


@with_rows
class MessageLimitTest(LimitCase):

    @each(*AROUND)
    @async_test
    def test_c36_one_frame(self, limit, size, expected):
        """C36: the limit holds for one frame, text or binary."""
        yield self.check(limited(limit), [frame(0x81, b"x" * size)], expected)
        del self.notes[:]
        yield self.check(limited(limit), [frame(0x82, b"x" * size)], expected)

    @each(*AROUND)
    @async_test
    def test_c36_fragments(self, limit, size, expected):
        """C36: it holds for the sum of fragments."""
        yield self.check(limited(limit), cut(size, limit // 2, 0x02), expected)
        del self.notes[:]
        yield self.check(limited(limit), cut(size, limit - 1, 0x01), expected)

    @each(*AROUND)
    @async_test
    def test_c36_decompressed(self, limit, size, expected):
        """C36: it holds for the decompressed size."""
        data = deflate(b"x" * size)
        yield self.check(limited(limit), [frame(0xC1, data)], expected)
        del self.notes[:]
        if len(data) > 4:
            yield self.check(limited(limit), cut_deflated(size, len(data) // 2), expected)

    @async_test
    def test_c36_compressed_size(self):
        """C36: it holds for the size on the wire, too, whatever it inflates to."""
        stored = h("00 00 00 ff ff") * 4 + h("00")
        yield self.check(Ten, [frame(0xC1, stored)], None)

    @async_test
    def test_c36_empty_fragments(self):
        """C36: empty fragments add nothing; each message counts by itself."""
        frames = [frame(0x01)] + [frame(0x00)] * 100 + [frame(0x80, b"x" * 10)]
        yield self.check(Ten, frames + [frame(0x81, b"y" * 10)] * 3, 10)
        self.assertEqual(self.notes[:-1], [("open",)] + [("message", 10)] * 4)

    @async_test
    def test_c36_bytes_not_characters(self):
        """C36: the limit is in bytes, not in characters."""
        yield self.check(Ten, [frame(0x81, h("c3a9") * 5)], 5)
        del self.notes[:]
        yield self.check(Ten, [frame(0x81, h("c3a9") * 6)], None)

    @async_test
    def test_c36_what_was_announced(self):
        """C36: a frame is refused by its header: the payload need not come."""
        yield self.check(Ten, [frame(0x82, b"x" * 11)[:6]], None)

    @async_test
    def test_c36_sending_is_not_limited(self):
        """C36: the limit is for what is received."""
        peer = yield self.open_raw(Ten)
        self.handler.write_message("x" * 1000)
        self.assertEqual((yield peer.read_frame()), (0x81, b"x" * 1000))

    @async_test
    def test_c36_bomb(self):
        """C36: a message that inflates to a gigabyte is refused without being inflated."""
        bomb = deflate(b"\0" * (1 << 20))
        stages = [frame(0x42, bomb + h("00 00 ff ff"))] + [frame(0x00, bomb + h("00 00 ff ff"))] * 9
        yield self.check(limited(1 << 20), stages, None)


class SettingTest(LimitCase):

    settings = {"websocket_max_message_size": 1000}

    @async_test
    def test_c35_setting(self):
        """C35: ``websocket_max_message_size`` of the application."""
        yield self.check(Sizes, [frame(0x82, b"x" * 1000)], 1000)
        del self.notes[:]
        yield self.check(Sizes, [frame(0x82, b"x" * 1001)], None)

    @async_test
    def test_c35_property(self):
        """C35: a property of the handler overrides the setting."""
        class Dynamic(Sizes):
            @property
            def max_message_size(self):
                return int(self.request.headers["X-Limit"])

        yield self.check(Dynamic, [frame(0x82, b"x" * 2000)], 2000, [("X-Limit", "2000")])
        del self.notes[:]
        yield self.check(Dynamic, [frame(0x82, b"x" * 2001)], None, [("X-Limit", "2000")])


class Plain(Noted, websocket.WebSocketHandler):
    """Leaves it to the settings."""


@with_rows
class WrongSettingTest(WebSocketCase):

    @each(*WRONG_LIMITS)
    @async_test
    def test_c36_c37_no_number_from_0(self, name, value):
        """C36, C37: it is a ValueError that names it: 500, and one log entry."""
        self._app.settings["websocket_" + name] = value
        peer = yield self.connect_raw()
        peer.send_request(self.add(Plain))
        self.assertEqual((yield peer.read_response())[0], 500)
        traceback = self.claim_logs("tornado.application")[0].traceback
        self.assertIn("ValueError: " + name, traceback.splitlines()[-1])


class StreamLimitTest(LimitCase):

    server_options = {"max_buffer_size": STREAM_LIMIT}

    @async_test
    def test_c36_default(self):
        """C36: the default is the stream's ``max_buffer_size``."""
        yield self.check(Sizes, [frame(0x82, b"x" * STREAM_LIMIT)], STREAM_LIMIT)
        del self.notes[:]
        yield self.check(Sizes, [frame(0x82, b"x" * (STREAM_LIMIT + 1))], None)

    @async_test
    def test_c36_above_the_stream(self):
        """C36: a handler's own limit may be above the stream's buffer."""
        limit = 2 * STREAM_LIMIT
        yield self.check(limited(limit), [frame(0x82, b"x" * limit)], limit)


class DefaultTest(LimitCase):

    @async_test
    def test_c36_default_of_the_stream(self):
        """C36: without options the limit is 100 MiB, to the byte."""
        limit = 100 * 1024 * 1024
        peer = yield self.open_raw(Sizes)
        self.assertEqual(self.handler.stream.max_buffer_size, limit)
        peer.send(h("82 ff") + h("%016x" % limit) + h("00000000") + b"x")
        protocol = self.handler.ws_connection
        yield until(lambda: protocol._wire_bytes_in == 15)
        self.assertFalse(protocol.is_closing())
        yield self.check(Sizes, [h("82 ff") + h("%016x" % (limit + 1)) + h("00000000")], None)
