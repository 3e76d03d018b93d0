"""Scenarios of messages, pings and compression, seen from a raw client."""
from __future__ import absolute_import, division, print_function

import socket
import zlib

from differential_handshake import echo
from differential_peer import BINARY, CONTINUATION, PING, PONG, RSV1, TEXT, deflate, frame
from differential_run import scenario
from tornado.concurrent import Future

SIZES = (0, 1, 125, 126, 65535, 65536, 1024 * 1024)
DEFLATE_OFFER = {"Sec_WebSocket_Extensions": b"permessage-deflate; client_max_window_bits"}


def converse(run, pieces, answers, request=None, **methods):
    """Open, send each piece in one write, read that many frames, close.

    Args:
        run: the run.
        pieces: what to send.
        answers: number of frames to read before the closing handshake.
        request: keywords of the handshake.
        **methods: of the handler.
    """
    peer = yield run.open_raw(request=request, **methods)
    for piece in pieces:
        peer.send(piece)
    yield peer.read_frames(answers)
    yield peer.finish()
    yield run.wait_for("on_close")


def _echo_scenario(name, opcode, payload):
    def function(run):
        return converse(run, [frame(opcode, payload)], 1, on_message=echo)
    function.__name__ = name
    function.__doc__ = "C13, C18: a message there and back."
    scenario(function)


for _size in SIZES:
    _echo_scenario("echo_text_of_%d" % _size, TEXT, b"t" * _size)
    _echo_scenario("echo_binary_of_%d" % _size, BINARY, b"\x80\x00\xff" * (_size // 3)
                   + b"b" * (_size % 3))
_echo_scenario("echo_unicode", TEXT, u"caf\xe9 \u20ac \U0001f600".encode("utf-8"))


def _write_scenario(name, message, binary=False):
    def function(run):
        def open_handler(handler):
            run.attempt("write_message", handler.write_message, message, binary=binary)
            handler.write_message("end")
        peer = yield run.open_raw(open=open_handler)
        opcode, payload = yield peer.read_frame()
        while payload not in (b"end", None):
            opcode, payload = yield peer.read_frame()
        yield peer.finish()
        yield run.wait_for("on_close")
    function.__name__ = "write_" + name
    function.__doc__ = "C13: what ``write_message`` makes of a type of message."
    scenario(function)


_write_scenario("dict", {"key": u"caf\xe9"})
_write_scenario("empty_dict", {})
_write_scenario("native_str", "native")
_write_scenario("unicode", u"caf\xe9")
_write_scenario("unicode_as_binary", u"caf\xe9", binary=True)
_write_scenario("bytes_as_text", b"bytes")
_write_scenario("bytes_as_binary", b"\x00\xff", binary=True)
_write_scenario("dict_as_binary", {"key": 1}, binary=True)
_write_scenario("empty", "")
_write_scenario("none", None)
_write_scenario("int", 5)
_write_scenario("list", ["a"])
_write_scenario("bytearray_as_binary", bytearray(b"array"), binary=True)


@scenario
def write_returns_a_future(run):
    """C14: it resolves to None, and is of Tornado's class."""
    def open_handler(handler):
        future = handler.write_message("hello")
        run.note("is a Future", isinstance(future, Future))
        future.add_done_callback(lambda done: run.note("written", done.result()))
    peer = yield run.open_raw(open=open_handler)
    yield peer.read_frame()
    yield run.wait_for("written")
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def writes_keep_their_order(run):
    """C15."""
    def open_handler(handler):
        handler.write_message("one")
        handler.ping(b"two")
        handler.write_message(b"three", binary=True)
        handler.write_message("f" * 70000)
        handler.write_message("five")
    return converse(run, [], 5, open=open_handler)


@scenario
def messages_in_one_segment(run):
    """C18, C15: several messages in one piece are delivered one by one, in order."""
    piece = b"".join([frame(TEXT, b"one"), frame(BINARY, b"two"), frame(PING, b"ping"),
                      frame(TEXT, b""), frame(TEXT, b"five")])
    return converse(run, [piece], 5, on_message=echo)


@scenario
def frames_together_with_the_handshake(run):
    """C12: ``open`` first, then the messages that came in the handshake's segment."""
    run.serve(run.handler_class(on_message=echo))
    peer = yield run.connect_raw()
    yield peer.handshake(and_then=frame(TEXT, b"one") + frame(TEXT, b"two"))
    yield peer.read_frames(2)
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def frame_in_single_bytes(run):
    """A frame may come in any pieces."""
    data = frame(TEXT, b"x" * 200) + frame(BINARY, b"yz")
    return converse(run, [data[i:i + 1] for i in range(len(data))], 2, on_message=echo)


@scenario
def fragmented_text(run):
    """C18: fragments arrive as one message, also when a character is split."""
    word = u"caf\xe9".encode("utf-8")
    pieces = [frame(TEXT, word[:4], fin=False), frame(CONTINUATION, word[4:], fin=False),
              frame(CONTINUATION, b"!")]
    return converse(run, pieces, 1, on_message=echo)


@scenario
def fragmented_binary_with_empty_fragments(run):
    """C18: empty fragments are fragments."""
    pieces = [frame(BINARY, b"", fin=False), frame(CONTINUATION, b"\x01", fin=False),
              frame(CONTINUATION, b"", fin=False), frame(CONTINUATION, b"")]
    return converse(run, [b"".join(pieces)], 1, on_message=echo)


@scenario
def control_between_fragments(run):
    """C18: control frames between fragments are handled at once."""
    pieces = [frame(TEXT, b"one ", fin=False), frame(PING, b"between"),
              frame(CONTINUATION, b"two ", fin=False), frame(PONG, b"unasked"),
              frame(CONTINUATION, b"three")]
    return converse(run, pieces, 2, on_message=echo)


@scenario
def ping_is_answered(run):
    """C23: one after the other, with the same payload."""
    peer = yield run.open_raw()
    for payload in (b"", b"payload", b"\x00\xff" * 62 + b"x"):
        peer.send(frame(PING, payload))
        yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def ping_and_pong(run):
    """C23: ``ping`` and ``on_pong`` with the payload as bytes."""
    def on_pong(handler, data):
        handler.write_message(u"got pong")
    peer = yield run.open_raw(open=lambda handler: handler.ping(b"\x01data"), on_pong=on_pong)
    _, payload = yield peer.read_frame()
    peer.send(frame(PONG, payload))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def ping_returns_none(run):
    """C23: and an empty payload may be sent."""
    return converse(run, [], 1,
                    open=lambda handler: run.attempt("ping", handler.ping, b""))


@scenario
def ping_with_text(run):
    """Section 2: text is accepted, too."""
    def open_handler(handler):
        run.attempt("ping", handler.ping, u"text")
        handler.write_message("end")
    peer = yield run.open_raw(open=open_handler)
    _, payload = yield peer.read_frame()
    if payload != b"end":
        yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def ping_too_long(run):
    """C23: more than 125 bytes."""
    def open_handler(handler):
        run.attempt("ping", handler.ping, b"p" * 126)
        handler.write_message("end")
    peer = yield run.open_raw(open=open_handler)
    _, payload = yield peer.read_frame()
    if payload != b"end":
        yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def unasked_pong(run):
    """C23: ``on_pong`` is told of any pong."""
    return converse(run, [frame(PONG, b"unasked"), frame(TEXT, b"then")], 1, on_message=echo)


@scenario
def on_message_not_overridden(run):
    """C18: ``NotImplementedError``, in the log, and the connection ends (C19)."""
    class Bare(run.ws.WebSocketHandler):
        def on_close(self):
            run.note("on_close", self.close_code, self.close_reason)

    run.serve(Bare)
    peer = yield run.connect_raw()
    yield peer.handshake()
    peer.send(frame(TEXT, b"hello"))
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def message_while_on_message_coroutine_waits(run):
    """C20: a Future returned by ``on_message`` does not hold back the next message."""
    futures = []

    def on_message(handler, message):
        futures.append(Future())
        if message == u"three":
            handler.write_message(u"all came")
        return futures[-1]
    return converse(run, [frame(TEXT, b"one") + frame(TEXT, b"two"), frame(TEXT, b"three")], 1,
                    on_message=on_message)


@scenario
def http_methods_after_the_handshake(run):
    """C11: they raise ``RuntimeError``."""
    def open_handler(handler):
        for name, args in (("write", ("x",)), ("redirect", ("/x",)), ("set_header", ("X", "y")),
                           ("set_cookie", ("x", "y")), ("set_status", (500,)), ("flush", ()),
                           ("finish", ()), ("finish", ("x",))):
            try:
                getattr(handler, name)(*args)
            except RuntimeError as error:
                run.note(name, error, str(error))
        handler.write_message("still open")
    return converse(run, [], 1, open=open_handler)


@scenario
def set_nodelay(run):
    """The socket's option is set."""
    def open_handler(handler):
        sock = handler.stream.socket
        for value in (True, False):
            run.attempt("set_nodelay", handler.set_nodelay, value)
            run.note("option", bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    return converse(run, [], 0, open=open_handler)


@scenario
def attributes_before_and_after_open(run):
    """Section 2: the attributes of a handler."""
    def prepare(handler):
        run.note("before", handler.ws_connection, handler.stream, handler.close_code,
                 handler.close_reason)

    def open_handler(handler):
        run.note("after", handler.ws_connection is None, handler.stream is None,
                 handler.stream is handler.ws_connection.stream, handler.open_args,
                 handler.close_code, handler.close_reason,
                 isinstance(handler.ws_connection, run.ws.WebSocketProtocol13))
    return converse(run, [], 0, prepare=prepare, open=open_handler)


@scenario
def counters(run):
    """Section 2: bytes of messages and of frames, in and out."""
    def on_message(handler, message):
        handler.write_message(message)
        handler.ping(b"12")
        protocol = handler.ws_connection
        run.note("counters", protocol._message_bytes_in, protocol._message_bytes_out,
                 protocol._wire_bytes_in, protocol._wire_bytes_out)
    peer = yield run.open_raw(on_message=on_message)
    for payload in (u"caf\xe9".encode("utf-8"), b"x" * 200):
        peer.send(frame(TEXT, payload))
        yield peer.read_frames(2)
    yield peer.finish()
    yield run.wait_for("on_close")


def compressing(handler):
    """Turn compression on."""
    return {}


@scenario
def compressed_echo(run):
    """C30, C34: both directions, with context takeover."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    pieces = [frame(TEXT, deflate(b"hello hello hello", compressor), rsv=RSV1)
              for _ in range(3)]
    pieces.append(frame(BINARY, deflate(b"\x00" * 100000, compressor), rsv=RSV1))
    return converse(run, pieces, 4, request=DEFLATE_OFFER, on_message=echo,
                    get_compression_options=compressing)


@scenario
def compressed_echo_without_takeover(run):
    """C34: each message on its own."""
    request = {"Sec_WebSocket_Extensions": b"permessage-deflate; client_no_context_takeover; "
               b"server_no_context_takeover"}
    pieces = [frame(TEXT, deflate(b"hello hello hello"), rsv=RSV1) for _ in range(3)]
    return converse(run, pieces, 3, request=request, on_message=echo,
                    get_compression_options=compressing)


@scenario
def compressed_connection_uncompressed_message(run):
    """C34: a message without RSV1 is not inflated; the answer is still compressed."""
    return converse(run, [frame(TEXT, b"as it is")], 1, request=DEFLATE_OFFER, on_message=echo,
                    get_compression_options=compressing)


@scenario
def compressed_fragments_and_ping(run):
    """C34: RSV1 on the first fragment only; control frames are never compressed."""
    data = deflate(b"fragmented and compressed")
    pieces = [frame(TEXT, data[:7], fin=False, rsv=RSV1),
              frame(CONTINUATION, data[7:9], fin=False),
              frame(CONTINUATION, data[9:])]
    return converse(run, pieces, 1, request=DEFLATE_OFFER, on_message=echo,
                    get_compression_options=compressing)


@scenario
def compressed_large_message(run):
    """C34: 1 MiB."""
    data = bytes(bytearray(range(256))) * 4096
    return converse(run, [frame(BINARY, deflate(data), rsv=RSV1)], 1, request=DEFLATE_OFFER,
                    on_message=echo, get_compression_options=compressing)


@scenario
def compressed_empty_message(run):
    """C34: nothing, compressed."""
    return converse(run, [frame(TEXT, deflate(b""), rsv=RSV1)], 1, request=DEFLATE_OFFER,
                    on_message=echo, get_compression_options=compressing)
