"""What the client's frames look like on the wire: masks, compression, limits (C30-C36)."""
from __future__ import absolute_import, division, print_function

import struct
import zlib

from peers import async_test, each, with_rows
from raw_server import ClientCase
from tornado import gen
from wire import deflate, frame, inflate

TEXT = u"permessage-deflate makes repeated text short, repeated text short. "


@gen.coroutine
def read_masked(peer):
    """Read a short frame as it stands: ``(first byte, masking key, masked payload)``."""
    first, second = struct.unpack("!BB", (yield peer.read(2)))
    if not second & 0x80:
        raise AssertionError("the frame is not masked")
    key = yield peer.read(4)
    payload = yield peer.read(second & 0x7F)
    raise gen.Return((first, key, payload))


def accept_deflate(*parameters):
    value = "; ".join(("permessage-deflate",) + parameters)
    return [("Sec-WebSocket-Extensions", value)]


@with_rows
class MaskTest(ClientCase):
    @async_test
    def test_each_frame_has_a_mask_of_its_own(self):
        """RFC 6455 section 5.3: "a fresh masking key [...] unpredictable", data or control."""
        conn, peer = yield self.open()
        keys = []
        for _ in range(50):
            conn.write_message(u"same")
            conn.ping(b"same")
            peer.send(frame(0x89, b"same", None))  # and the pong
            for _ in range(3):
                first, key, payload = yield read_masked(peer)
                self.assertIn(first, (0x81, 0x89, 0x8A))
                self.assertEqual(bytes(bytearray(
                    a ^ b for a, b in zip(bytearray(payload), bytearray(key)))), b"same")
                keys.append(key)
        self.assertEqual(len(set(keys)), 150)

    @each(
        ("text", lambda conn: conn.write_message(u""), 0x81),
        ("binary", lambda conn: conn.write_message(b"", True), 0x82),
        ("ping", lambda conn: conn.ping(), 0x89),
        ("close", lambda conn: conn.close(), 0x88),
    )
    @async_test
    def test_an_empty_frame_has_a_mask_too(self, send, first):
        """RFC 6455 section 5.1: "a client MUST mask all frames that it sends"."""
        conn, peer = yield self.open()
        send(conn)
        self.assertEqual((yield read_masked(peer))[::2], (first, b""))

    @each(("7_bits", 125), ("16_bits", 126), ("16_bits_end", 65535), ("64_bits", 65536))
    @async_test
    def test_payload_of_any_length_is_masked_right(self, size):
        conn, peer = yield self.open()
        payload = bytes(bytearray(number % 251 for number in range(size)))
        conn.write_message(payload, True)
        self.assertEqual((yield peer.read_frame()), (0x82, payload))


@with_rows
class OfferTest(ClientCase):
    @each(
        ("nothing", {}, "permessage-deflate; client_max_window_bits"),
        ("level", {"compression_level": 9, "mem_level": 9, "min_size": 5},
         "permessage-deflate; client_max_window_bits"),
        ("client_bits", {"client_max_window_bits": 10},
         "permessage-deflate; client_max_window_bits=10"),
        ("max_wbits", {"max_wbits": 9}, "permessage-deflate; client_max_window_bits=9"),
        ("server_bits", {"server_max_window_bits": 8},
         "permessage-deflate; server_max_window_bits=8; client_max_window_bits"),
        ("no_takeover", {"server_no_context_takeover": True, "client_no_context_takeover": True},
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
         "client_max_window_bits"),
    )
    @async_test
    def test_offer(self, options, expected):
        """C32: ``client_max_window_bits`` always, and what the options ask for."""
        future = self.start(compression_options=options)
        peer = yield self.server.accept()
        _, headers = yield peer.read_head()
        offer = headers["Sec-WebSocket-Extensions"]
        self.assertEqual(sorted(offer.split("; ")), sorted(expected.split("; ")))
        self.assertEqual(offer.split("; ")[0], "permessage-deflate")
        peer.close()
        with self.assertRaises(EnvironmentError):
            yield future

    @async_test
    def test_a_server_that_declines(self):
        """C32: without an answer nothing is compressed, and a compressed frame is an error."""
        conn, peer = yield self.open(compression_options={})
        conn.write_message(TEXT)
        self.assertEqual((yield peer.read_frame()), (0x81, TEXT.encode("ascii")))
        peer.send(frame(0xC1, deflate(b"x"), None))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xea")


@with_rows
class DeflateTest(ClientCase):
    """C30, C32-C34: each test is one agreement."""

    @gen.coroutine
    def agree(self, options, *parameters):
        pair = yield self.open(compression_options=options, headers=accept_deflate(*parameters))
        raise gen.Return(pair)

    @async_test
    def test_messages_both_ways(self):
        conn, peer = yield self.agree({})
        conn.write_message(TEXT)
        first, payload = yield peer.read_frame()
        self.assertEqual(first, 0xC1)
        self.assertLess(len(payload), len(TEXT))
        self.assertEqual(inflate(payload), TEXT.encode("ascii"))
        peer.send(frame(0xC2, deflate(b"answer"), None))
        self.assertEqual((yield conn.read_message()), b"answer")

    @async_test
    def test_control_frames_are_not_compressed(self):
        """RFC 7692 section 6.1."""
        conn, peer = yield self.agree({})
        conn.ping(b"a" * 100)
        self.assertEqual((yield peer.read_frame()), (0x89, b"a" * 100))
        conn.close(1000, u"a" * 100)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe8" + b"a" * 100))

    @async_test
    def test_uncompressed_messages_may_come(self):
        """RFC 7692 section 6: the server decides message by message."""
        conn, peer = yield self.agree({})
        peer.send(frame(0x81, b"plain", None) + frame(0xC1, deflate(b"short"), None))
        self.assertEqual((yield [conn.read_message() for _ in range(2)]), [u"plain", u"short"])

    @async_test
    def test_fragments(self):
        """RFC 7692 section 6.1: only the first fragment has RSV1."""
        conn, peer = yield self.agree({})
        data = deflate(b"in two pieces")
        peer.send(frame(0x41, data[:5], None) + frame(0x80, data[5:], None))
        self.assertEqual((yield conn.read_message()), u"in two pieces")

    @async_test
    def test_context_is_kept(self):
        """C34: the second time the same text is a few bytes, also from the server."""
        conn, peer = yield self.agree({})
        receiver, sizes = zlib.decompressobj(-15), []
        for _ in range(2):
            conn.write_message(TEXT)
            _, payload = yield peer.read_frame()
            sizes.append(len(payload))
            self.assertEqual(receiver.decompress(payload + b"\x00\x00\xff\xff"),
                             TEXT.encode("ascii"))
        self.assertLess(sizes[1], sizes[0] // 2)
        sender = zlib.compressobj(9, zlib.DEFLATED, -15)
        for _ in range(2):
            data = sender.compress(TEXT.encode("ascii")) + sender.flush(zlib.Z_SYNC_FLUSH)
            peer.send(frame(0xC1, data[:-4], None))
            self.assertEqual((yield conn.read_message()), TEXT)

    @each(
        ("asked", {"client_no_context_takeover": True}, ["client_no_context_takeover"]),
        ("asked_and_not_confirmed", {"client_no_context_takeover": True}, []),
        ("told", {}, ["client_no_context_takeover"]),
    )
    @async_test
    def test_client_no_context_takeover(self, options, parameters):
        """C34: every message by itself."""
        conn, peer = yield self.agree(options, *parameters)
        for _ in range(2):
            conn.write_message(TEXT)
            _, payload = yield peer.read_frame()
            self.assertEqual(inflate(payload), TEXT.encode("ascii"))

    @each(
        ("asked", {"server_no_context_takeover": True}), ("told", {}),
    )
    @async_test
    def test_server_no_context_takeover(self, options):
        """C34: the next message may not refer to what came before; then it is 1007."""
        conn, peer = yield self.agree(options, "server_no_context_takeover")
        sender = zlib.compressobj(9, zlib.DEFLATED, -15)
        for _ in range(2):
            data = sender.compress(TEXT.encode("ascii")) + sender.flush(zlib.Z_SYNC_FLUSH)
            peer.send(frame(0xC1, data[:-4], None))
        self.assertEqual((yield conn.read_message()), TEXT)
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xef")

    @each(*[(str(bits), bits) for bits in range(8, 16)])
    @async_test
    def test_window_bits(self, bits):
        """C33: windows from 256 bytes on, both ways, as the server chose."""
        conn, peer = yield self.agree({}, "client_max_window_bits=%d" % bits,
                                      "server_max_window_bits=%d" % bits)
        message = b"".join(struct.pack("!I", number * 2654435761 % 2 ** 32)
                           for number in range(500)) * 2
        conn.write_message(message, True)
        first, payload = yield peer.read_frame()
        self.assertEqual(first, 0xC2)
        self.assertEqual(inflate(payload, bits), message)
        peer.send(frame(0xC2, deflate(message, max(bits, 9)) if bits > 8
                        else self.deflate_8(message), None))
        self.assertEqual((yield conn.read_message()), message)

    def deflate_8(self, message):
        """Compress within 256 bytes: zlib's smallest is 512, so nothing is looked up at all."""
        context = zlib.compressobj(6, zlib.DEFLATED, -9, 8, zlib.Z_HUFFMAN_ONLY)
        return (context.compress(message) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]

    @each(
        ("below", 9, 0x81), ("at", 10, 0xC1), ("above", 11, 0xC1),
    )
    @async_test
    def test_min_size(self, size, first):
        """C30: ``min_size``: shorter messages go uncompressed."""
        conn, peer = yield self.agree({"min_size": 10})
        conn.write_message(u"x" * size)
        self.assertEqual((yield peer.read_frame()).first, first)

    @async_test
    def test_level_0(self):
        """C30: ``compression_level`` reaches zlib: stored blocks are longer than the text."""
        conn, peer = yield self.agree({"compression_level": 0})
        conn.write_message(TEXT)
        first, payload = yield peer.read_frame()
        self.assertEqual(first, 0xC1)
        self.assertGreater(len(payload), len(TEXT))

    @each(("garbage", b"\xff\xff\xff"), ("cut", deflate(b"abcdef" * 9)[:-3] + b"\xff"))
    @async_test
    def test_undecodable(self, data):
        """C29: 1007."""
        conn, peer = yield self.agree({})
        peer.send(frame(0xC2, data, None))
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xef")


@with_rows
class LimitTest(ClientCase):
    """C36: ``max_message_size``."""

    @each(
        ("frame", frame(0x82, b"x" * 1001, None)),
        ("announced", b"\x82\x7f" + struct.pack("!Q", 2 ** 40)),
        ("fragments", frame(0x02, b"x" * 600, None) + frame(0x80, b"x" * 600, None)),
        ("inflated", frame(0xC2, deflate(b"x" * 1001), None)),
        ("bomb", frame(0xC2, deflate(b"x" * 10000000), None)),
    )
    @async_test
    def test_over(self, data):
        """C29, C36: 1009, before more is read."""
        conn, peer = yield self.open(max_message_size=1000, compression_options={},
                                     headers=accept_deflate())
        peer.send(data)
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")

    @each(
        ("frame", frame(0x82, b"x" * 1000, None)),
        ("fragments", frame(0x02, b"x" * 500, None) + frame(0x80, b"x" * 500, None)),
        ("inflated", frame(0xC2, deflate(b"x" * 1000), None)),
    )
    @async_test
    def test_exactly(self, data):
        conn, peer = yield self.open(max_message_size=1000, compression_options={},
                                     headers=accept_deflate())
        peer.send(data)
        self.assertEqual((yield conn.read_message()), b"x" * 1000)

    @each(
        ("over", 100 * 1024 * 1024 + 1, True), ("at", 100 * 1024 * 1024, False),
    )
    @async_test
    def test_the_default_is_100_mib(self, size, refused):
        """C36: the limit of 4.3, shown by the length that a frame announces."""
        conn, peer = yield self.open()
        peer.send(b"\x82\x7f" + struct.pack("!Q", size) + b"x" * 10)
        if refused:
            self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")
        else:
            conn.ping(b"still here")
            self.assertEqual((yield peer.read_frame()), (0x89, b"still here"))
