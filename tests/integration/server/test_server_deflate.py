"""permessage-deflate in the server's role, over the wire: contract section 8, C30 to C34."""
from __future__ import absolute_import, division, print_function

import os
import zlib

from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen
from wire import HANDSHAKE, close_frame, deflate, frame, h, inflate

from tornado_ws import websocket

TAIL = b"\x00\x00\xff\xff"
MASKED_NOTHING = "00000000"
"""A masking key that leaves the payload as it is, so that the RFC's bytes can be seen."""


def handler_class(options):
    """Return a handler that echoes, with compression options."""
    class Echo(Noted, websocket.WebSocketHandler):
        def get_compression_options(self):
            return options

        def on_message(self, message):
            self.note("message", message)
            self.write_message(message, isinstance(message, bytes))
    return Echo


class DeflateCase(WebSocketCase):

    @gen.coroutine
    def open_deflate(self, options, offer="permessage-deflate"):
        peer = yield self.open_raw(handler_class(options), [("Sec-WebSocket-Extensions", offer)])
        peer.answer = peer.response[1].get("Sec-WebSocket-Extensions")
        raise gen.Return(peer)


VALID = [
    ("compression_level", (-1, 0, 9)), ("mem_level", (1, 9)), ("max_wbits", (8, 15)),
    ("server_max_window_bits", (8, 15)), ("client_max_window_bits", (8, 15)),
    ("server_no_context_takeover", (True, False)),
    ("client_no_context_takeover", (True, False)), ("min_size", (0, 10 ** 12)),
]
INVALID = [
    ("compression_level", (-2, 10, "6", None, 1.5)), ("mem_level", (0, 10, "8", None)),
    ("max_wbits", (7, 16, "15", None)), ("server_max_window_bits", (7, 16, True)),
    ("client_max_window_bits", (7, 16, True)), ("server_no_context_takeover", (1, "yes", None)),
    ("client_no_context_takeover", (0, None)), ("min_size", (-1, "0", 0.5)),
    ("unknown", (1,)), ("Compression_Level", (6,)),
]


@with_rows
class OptionsTest(DeflateCase):

    @each(*[("%s_%d" % (key, i), key, value)
            for key, values in VALID for i, value in enumerate(values)])
    @async_test
    def test_c30_range(self, key, value):
        """C30: each key takes the ends of its range; messages pass."""
        peer = yield self.open_deflate({key: value}, "permessage-deflate; client_max_window_bits")
        self.assertIn("permessage-deflate", peer.answer)
        peer.send(frame(0xC1, deflate(b"Hello" * 20, 9)))
        first, payload = yield peer.read_frame()
        self.assertEqual(first, 0x81 if key == "min_size" and value else 0xC1)
        self.assertEqual(inflate(payload) if first == 0xC1 else payload, b"Hello" * 20)

    @each(*[("%s_%d" % (key, i), key, value)
            for key, values in INVALID for i, value in enumerate(values)])
    @async_test
    def test_c30_wrong(self, key, value):
        """C30: an unknown key or a value out of range is a ValueError that names the key: 500."""
        path = self.add(handler_class({key: value}))
        for headers in ((), (("Sec-WebSocket-Extensions", "permessage-deflate"),)):
            peer = yield self.connect_raw()
            peer.send_request(path, HANDSHAKE + tuple(headers))
            self.assertEqual((yield peer.read_response())[0], 500)
            traceback = self.claim_logs("tornado.application")[0].traceback
            self.assertIn("ValueError", traceback)
            self.assertIn(key, traceback.splitlines()[-1])

    @async_test
    def test_c30_off(self):
        """C30: None is off: an offer is not answered, RSV1 is a reserved bit."""
        peer = yield self.open_deflate(None)
        self.assertIsNone(peer.answer)
        peer.send(frame(0x81, b"x"), frame(0xC1, deflate(b"x")))
        frames = yield peer.read_frames()
        self.assertEqual(frames[0], (0x81, b"x"))
        self.assertEqual(frames[1].payload[:2], h("03ea"))

    @async_test
    def test_c30_not_offered(self):
        """C30: without an offer messages go uncompressed."""
        peer = yield self.open_raw(handler_class({}))
        self.assertNotIn("Sec-WebSocket-Extensions", peer.response[1])
        peer.send(frame(0x81, b"x" * 1000))
        self.assertEqual((yield peer.read_frame()), (0x81, b"x" * 1000))

    @async_test
    def test_c30_level_and_min_size(self):
        """C30: the level is used; messages below min_size go uncompressed."""
        data = os.urandom(50).hex() if hasattr(bytes, "hex") else os.urandom(50).encode("hex")
        data = data.encode("ascii") * 20
        sizes = []
        for level in (0, 1, 9):
            peer = yield self.open_deflate({"compression_level": level, "min_size": 100})
            peer.send(frame(0x81, data[:99]), frame(0x81, data[:100]), frame(0x81, data))
            self.assertEqual((yield peer.read_frame()), (0x81, data[:99]))
            self.assertEqual((yield peer.read_frame()).first, 0xC1)
            sizes.append(len((yield peer.read_frame()).payload))
        self.assertGreater(sizes[0], len(data))
        self.assertLess(sizes[1], len(data) // 2)
        self.assertLessEqual(sizes[2], sizes[1])


PMD = "permessage-deflate"
NEGOTIATIONS = [
    # Name, the server's options, the offer, the answer.
    ("plain", {}, PMD, PMD),
    ("first_of_two", {}, PMD + ", " + PMD + "; server_max_window_bits=9", PMD),
    ("after_another_extension", {}, "x-other; a=b, " + PMD, PMD),
    ("server_no_takeover", {}, PMD + "; server_no_context_takeover",
     PMD + "; server_no_context_takeover"),
    ("client_no_takeover", {}, PMD + "; client_no_context_takeover",
     PMD + "; client_no_context_takeover"),
    ("own_server_no_takeover", {"server_no_context_takeover": True}, PMD,
     PMD + "; server_no_context_takeover"),
    ("own_client_no_takeover", {"client_no_context_takeover": True}, PMD,
     PMD + "; client_no_context_takeover"),
    ("server_bits", {}, PMD + "; server_max_window_bits=10", PMD + "; server_max_window_bits=10"),
    ("server_bits_quoted", {}, PMD + '; server_max_window_bits="10"',
     PMD + "; server_max_window_bits=10"),
    ("server_bits_smaller_own", {"server_max_window_bits": 9}, PMD + "; server_max_window_bits=10",
     PMD + "; server_max_window_bits=9"),
    ("server_bits_own", {"max_wbits": 11}, PMD, PMD + "; server_max_window_bits=11"),
    ("client_bits_no_value", {}, PMD + "; client_max_window_bits", PMD),
    ("client_bits", {}, PMD + "; client_max_window_bits=12", PMD + "; client_max_window_bits=12"),
    ("client_bits_own", {"client_max_window_bits": 9}, PMD + "; client_max_window_bits",
     PMD + "; client_max_window_bits=9"),
    ("client_bits_smaller", {"client_max_window_bits": 11}, PMD + "; client_max_window_bits=9",
     PMD + "; client_max_window_bits=9"),
    ("client_bits_not_offered", {"client_max_window_bits": 9}, PMD, PMD),
    ("all", {}, PMD + "; server_no_context_takeover; client_no_context_takeover; "
     "server_max_window_bits=9; client_max_window_bits=10",
     PMD + "; server_no_context_takeover; client_no_context_takeover; "
     "server_max_window_bits=9; client_max_window_bits=10"),
    ("unknown", {}, PMD + "; unknown", None),
    ("unknown_then_good", {}, PMD + "; unknown=1, " + PMD, PMD),
    ("repeated", {}, PMD + "; server_max_window_bits=9; server_max_window_bits=9", None),
    ("repeated_flag", {}, PMD + "; client_no_context_takeover; client_no_context_takeover", None),
    ("too_small", {}, PMD + "; server_max_window_bits=7", None),
    ("too_large", {}, PMD + "; server_max_window_bits=16", None),
    ("leading_zero", {}, PMD + "; server_max_window_bits=09", None),
    ("no_number", {}, PMD + "; server_max_window_bits=x", None),
    ("no_value", {}, PMD + "; server_max_window_bits", None),
    ("client_too_large", {}, PMD + "; client_max_window_bits=16", None),
    ("value_of_a_flag", {}, PMD + "; server_no_context_takeover=1", None),
    ("other", {}, "x-webkit-deflate-frame", None),
    ("wrong_then_good", {}, PMD + "; server_max_window_bits=7, " + PMD
     + "; server_max_window_bits=8", PMD + "; server_max_window_bits=8"),
]


@with_rows
class NegotiationTest(DeflateCase):

    @each(*NEGOTIATIONS)
    @async_test
    def test_c31(self, options, offer, answer):
        """C31: the first offer that can be satisfied is taken; malformed ones are declined."""
        peer = yield self.open_deflate(options, offer)
        self.assertEqual(sorted(str(peer.answer).split("; ")), sorted(str(answer).split("; ")))
        peer.send(frame(0x81, b"plain"))
        first, payload = yield peer.read_frame()
        if answer is None:
            self.assertEqual((first, payload), (0x81, b"plain"))
        else:
            self.assertEqual((first, inflate(payload)), (0xC1, b"plain"))
            peer.send(frame(0xC1, deflate(b"deflated", 9)))
            self.assertEqual((yield peer.read_frame()).first, 0xC1)
            self.assertEqual(self.notes[-1], ("message", "deflated"))

    @each(("no_name", "; a"), ("no_token", "per message-deflate"), ("semicolon", PMD + ";"),
          ("no_parameter", PMD + "; =1"), ("open_quote", PMD + '; server_max_window_bits="9'))
    @async_test
    def test_c31_no_list(self, offer):
        """C31: what is no list of extensions at all is refused with 400 (RFC 6455 9.1)."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(handler_class({})),
                          HANDSHAKE + (("Sec-WebSocket-Extensions", offer),))
        self.assertEqual((yield peer.read_response())[0], 400)


@with_rows
class WindowTest(DeflateCase):

    @each(*[(str(bits), bits) for bits in range(8, 16)])
    @async_test
    def test_c33_windows(self, bits):
        """C33: each window, 8 bits too, in both directions: what repeats just out of reach."""
        peer = yield self.open_deflate(
            {}, PMD + "; server_max_window_bits=%d; client_max_window_bits=%d" % (bits, bits))
        inflator = zlib.decompressobj(-bits)
        deflator = zlib.compressobj(9, zlib.DEFLATED, -max(bits, 9))
        block = os.urandom((1 << bits) + 10)
        near = os.urandom(100)
        for data in (block, block[:300], near, near * 3, block, b"", near, block * 3):
            payload = deflator.compress(data) + deflator.flush(zlib.Z_SYNC_FLUSH)
            # A message of a real 8-bit window has no longer distances; one of zlib's 9 may.
            if bits == 8:
                payload = deflate(data[:240], 9) + TAIL
                data = data[:240]
            peer.send(frame(0xC2, payload[:-4]))
            first, payload = yield peer.read_frame()
            self.assertEqual(first, 0xC2)
            self.assertTrue(inflator.decompress(payload + TAIL) == data)


# RFC 7692 section 7.2.3: what is sent as a text message "Hello".
HELLO = [
    ("one_block", ["c1 87", "f2 48 cd c9 c9 07 00"]),
    ("no_compression", ["c1 8b", "00 05 00 fa ff 48 65 6c 6c 6f 00"]),
    ("final_block", ["c1 88", "f3 48 cd c9 c9 07 00 00"]),
    ("two_blocks", ["c1 8d", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00"]),
    ("two_frames", ["41 83", "f2 48 cd", "80 84", "c9 c9 07 00"]),
    ("three_frames_one_empty", ["41 83", "f2 48 cd", "00 80", "", "80 84", "c9 c9 07 00"]),
    ("ping_between", ["41 83", "f2 48 cd", "89 80", "", "80 84", "c9 c9 07 00"]),
]


@with_rows
class ContextTest(DeflateCase):

    @each(*HELLO)
    @async_test
    def test_c34_rfc_examples(self, pieces):
        """C34: the examples of RFC 7692 section 7.2.3, whole and byte by byte."""
        peer = yield self.open_deflate({})
        data = b"".join(h(head + MASKED_NOTHING + payload)
                        for head, payload in zip(pieces[::2], pieces[1::2]))
        peer.send(data)
        yield until(lambda: self.notes.count(("message", "Hello")) == 1)
        protocol = self.handler.ws_connection
        for i in range(len(data)):
            peer.send(data[i:i + 1])
            yield until(lambda: protocol._wire_bytes_in == len(data) + i + 1)
        yield until(lambda: self.notes.count(("message", "Hello")) == 2)

    @async_test
    def test_c34_shared_window(self):
        """C34: RFC 7692 section 7.2.3.2: the second "Hello" refers to the first."""
        peer = yield self.open_deflate({})
        peer.send(h("c1 87" + MASKED_NOTHING + "f2 48 cd c9 c9 07 00"))
        peer.send(h("c1 85" + MASKED_NOTHING + "f2 00 11 00 00"))
        inflator = zlib.decompressobj(-15)
        sizes = []
        for _ in range(2):
            payload = (yield peer.read_frame()).payload
            sizes.append(len(payload))
            self.assertEqual(inflator.decompress(payload + TAIL), b"Hello")
        self.assertLess(sizes[1], sizes[0])

    @each(("server_offered", {}, "server", True), ("client_offered", {}, "client", True),
          ("server_own", {"server_no_context_takeover": True}, "server", False),
          ("client_own", {"client_no_context_takeover": True}, "client", False))
    @async_test
    def test_c34_no_context_takeover(self, options, side, offered):
        """C34: without takeover each message stands for itself, on the side that agreed to it."""
        offer = PMD + ("; %s_no_context_takeover" % side if offered else "")
        peer = yield self.open_deflate(options, offer)
        peer.send(frame(0xC1, deflate(b"Hello")) * 2)
        payloads = []
        for _ in range(2):
            payloads.append((yield peer.read_frame()).payload)
        self.assertEqual(payloads[0] == payloads[1], side == "server")
        # The RFC's reference to the first message finds it only if the client's side is kept.
        peer.send(h("c1 85" + MASKED_NOTHING + "f2 00 11 00 00"))
        first, payload = yield peer.read_frame()
        if side == "client":
            self.assertEqual((first, payload[:2]), (0x88, h("03ef")))
        else:
            self.assertEqual((first, inflate(payload)), (0xC1, b"Hello"))

    @each(("empty_block", "00"), ("final_empty_block", "03 00"),
          ("two_final_blocks", "03 00 03 00"), ("stored_nothing", "01 00 00 ff ff"))
    @async_test
    def test_c34_empty_messages(self, payload):
        """C34: empty messages, whatever their deflate data; what follows is not harmed."""
        peer = yield self.open_deflate({})
        peer.send(frame(0xC1, h(payload)), frame(0xC1, deflate(b"next")),
                  frame(0xC2, h(payload)), frame(0x81))
        inflator = zlib.decompressobj(-15)
        for first, data in [(0xC1, b""), (0xC1, b"next"), (0xC2, b""), (0xC1, b"")]:
            received, sent = yield peer.read_frame()
            self.assertEqual((received, inflator.decompress(sent + TAIL)), (first, data))

    @async_test
    def test_c34_final_blocks_and_context(self):
        """C34: after a block with BFINAL the context goes on for the next messages."""
        peer = yield self.open_deflate({})
        for _ in range(3):
            peer.send(frame(0xC1, deflate(b"final", mode=zlib.Z_FINISH)),
                      frame(0xC1, deflate(b"plain")), frame(0x81, b"uncompressed"))
        yield until(lambda: len(self.notes) == 10)
        self.assertEqual(self.notes[1:], [("message", "final"), ("message", "plain"),
                                          ("message", "uncompressed")] * 3)
        peer.send(close_frame(1000))

    @async_test
    def test_c34_many_messages_with_the_real_client(self):
        """C34: a long conversation with the real client, both contexts kept."""
        client = yield self.connect(handler_class({}), compression_options={})
        for i in range(200):
            message = ("%d " % i) * (i * 7 % 1000)
            client.write_message(message)
            self.assertEqual((yield client.read_message()), message)
        protocol = self.handler.ws_connection
        self.assertEqual(protocol._message_bytes_in, protocol._message_bytes_out)
        self.assertLess(protocol._wire_bytes_in, protocol._message_bytes_in)
        self.assertLess(protocol._wire_bytes_out, protocol._message_bytes_out)


class ContextOverTLSTest(ContextTest):
    """C34 over TLS."""

    tls = True
