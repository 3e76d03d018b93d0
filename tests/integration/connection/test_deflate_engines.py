"""Another module than zlib under real connections, with zlib on the other side: C64."""
from __future__ import absolute_import, division, print_function

import json
import random
import zlib

from both_roles import BothRolesCase, both_roles
from deflate_engines import OTHERS, STAND_IN, Hoarder, compress_in_four_levels
from installed import installed
from peers import Noted, async_test, until, with_rows
from tornado import gen
from wire import deflate, inflate

BITS = range(8, 16)
FINAL_HELLO = b"\xf3\x48\xcd\xc9\xc9\x07\x00"  # RFC 7692 section 7.2.3.4


def messages(bits):
    """Short and long, like each other and not; repeats from inside and outside of a window."""
    choose = random.Random(bits).randrange
    noise = bytes(bytearray(choose(256) for _ in range(1 << bits)))
    text = json.dumps([{"id": n, "name": "%d" % (n * n)} for n in range(1500)]).encode("ascii")
    return [b"x", noise + noise[5:], b"", text, text, b"a" * 200000, noise * 2, b"x"]


@with_rows
class DeflateBackendTest(BothRolesCase):
    """C64."""

    def setUp(self):
        super(DeflateBackendTest, self).setUp()
        self.addCleanup(self.websocket.set_deflate_backend, None)

    @gen.coroutine
    def open_deflate(self, side, parameters="", **options):
        extension = (("Sec-WebSocket-Extensions", "permessage-deflate" + parameters),)
        if side == "server":
            limit = options.pop("max_message_size", None)
            peer = yield self.open_side(
                side, extension, get_compression_options=lambda handler: options,
                max_message_size=limit)
        else:
            limit = options.pop("max_message_size", None)
            peer = yield self.open_side(
                side, extension, compression_options=options, max_message_size=limit)
        raise gen.Return(peer)

    def received(self):
        return [note[1] for note in self.notes if note[0] == "message"]

    @both_roles(*OTHERS)
    @async_test
    def test_with_zlib_on_the_other_side(self, side, module):
        """C64: in both directions, for every window, with a context that is kept."""
        self.websocket.set_deflate_backend(module)
        for bits in BITS:
            del self.notes[:]
            peer = yield self.open_deflate(
                side, "; server_max_window_bits=%d; client_max_window_bits=%d" % (bits, bits),
                server_max_window_bits=bits, client_max_window_bits=bits)
            # zlib has no window of 256 bytes, but looks back no farther when it is given 512.
            deflater = zlib.compressobj(6, zlib.DEFLATED, -max(bits, 9))
            inflater = zlib.decompressobj(-bits)
            sent = messages(bits)
            for message in sent:
                self.end.write_message(message, binary=True)
                frame = yield peer.read_frame()
                self.assertEqual(frame.first, 0xC2)
                self.assertEqual(inflater.decompress(frame.payload + b"\0\0\xff\xff"), message)
                payload = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
                peer.send(self.frame(0xC2, payload[:-4]))
            yield until(lambda: len(self.received()) == len(sent))
            self.assertEqual(self.received(), sent)

    @both_roles(*OTHERS)
    @async_test
    def test_bombs(self, side, module):
        """C36, C64: a message of the limit passes, one byte more is 1009."""
        self.websocket.set_deflate_backend(module)
        for size in (1000, 65536, 200000):
            del self.notes[:]
            peer = yield self.open_deflate(side, max_message_size=size)
            peer.send(self.frame(0xC2, deflate(b"a" * size)))
            yield until(self.received)
            self.assertEqual(self.received(), [b"a" * size])
            peer.send(self.frame(0xC2, deflate(b"a" * (size + 1))))
            closing = yield peer.read_frame()
            self.assertEqual((closing.first, closing.payload[:2]), (0x88, b"\x03\xf1"))

    @both_roles(*OTHERS)
    @async_test
    def test_undecodable_data(self, side, module):
        """C29, C64: 1007, whatever the module's error is."""
        self.websocket.set_deflate_backend(module)
        for payload in (b"\xff\xff\xff", b"\xf2\x00\x11\x00\x00", b"\x06\x00"):
            peer = yield self.open_deflate(side)
            peer.send(self.frame(0xC2, payload))
            closing = yield peer.read_frame()
            self.assertEqual((closing.first, closing.payload[:2]), (0x88, b"\x03\xef"))

    @both_roles(*OTHERS)
    @async_test
    def test_final_blocks(self, side, module):
        """C34, C64: streams that end in a message, fragmented anywhere."""
        self.websocket.set_deflate_backend(module)
        peer = yield self.open_deflate(side)
        payload = FINAL_HELLO * 2 + deflate(b"b" * 70000, mode=zlib.Z_FINISH) * 2 + b"\x00"
        for cut in range(len(payload) + 1):
            peer.send(self.frame(0x42, payload[:cut]), self.frame(0x80, payload[cut:]))
        yield until(lambda: len(self.received()) == len(payload) + 1)
        self.assertEqual(set(self.received()), {b"HelloHello" + b"b" * 140000})

    @both_roles()
    @async_test
    def test_connections_keep_theirs(self, side):
        """C64: what is set counts for connections that are opened from then on."""
        first = yield self.open_deflate(side)
        end = self.end
        self.websocket.set_deflate_backend(STAND_IN)
        second = yield self.open_deflate(side)
        self.websocket.set_deflate_backend(None)
        before = len(compress_in_four_levels.levels)
        end.write_message(b"x")
        self.assertEqual(inflate((yield first.read_frame()).payload), b"x")
        self.assertEqual(len(compress_in_four_levels.levels), before)
        self.end.write_message(b"x")
        self.assertEqual(inflate((yield second.read_frame()).payload), b"x")
        self.assertEqual(len(compress_in_four_levels.levels), before + 1)
        made = Hoarder.made
        second.send(self.frame(0xC2, deflate(b"x")))
        yield until(self.received)
        self.assertEqual(Hoarder.made, made + 1)

    @async_test
    def test_broadcast(self):
        """C50, C64: connections of one engine share a frame that it makes."""
        class Handler(Noted, self.websocket.WebSocketHandler):
            def get_compression_options(self):
                return {}

        members = []
        for module in (STAND_IN, STAND_IN, None, STAND_IN):
            self.websocket.set_deflate_backend(module)
            peer = yield self.open_raw(
                Handler, [("Sec-WebSocket-Extensions", "permessage-deflate")])
            members.append((self.handler, peer, zlib.decompressobj(-15)))
        for count, message in enumerate([b"the same again " * 20] * 3):
            before = len(compress_in_four_levels.levels)
            missed = self.websocket.broadcast([handler for handler, _, _ in members], message)
            self.assertEqual(missed, [])
            self.assertEqual(len(compress_in_four_levels.levels), before + 1)
            for _, peer, inflater in members:
                payload = (yield peer.read_frame()).payload
                self.assertEqual(inflater.decompress(payload + b"\0\0\xff\xff"), message)


class InstalledDeflateBackendTest(DeflateBackendTest):
    """The same after ``install()``."""

    websocket = installed
