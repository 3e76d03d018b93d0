"""Scenarios of the connection's end: closing handshakes, drops, errors on either side."""
from __future__ import absolute_import, division, print_function

import zlib

from differential_handshake import echo
from differential_messages import DEFLATE_OFFER, compressing
from differential_peer import PING, PONG, RSV1, TEXT, close_frame, deflate, frame
from differential_run import scenario
from tornado import gen


def peer_closes(run, data, **methods):
    """Open, send the bytes, record all up to the connection's end."""
    peer = yield run.open_raw(**methods)
    peer.send(data)
    yield peer.read_end()
    yield run.wait_for("on_close")


def server_closes(run, *args, **kwargs):
    """Close from ``open`` with these arguments, answer the close frame, record all."""
    def open_handler(handler):
        run.attempt("close", handler.close, *args, **kwargs)
        run.note("ws_connection is None", handler.ws_connection is None)
    peer = yield run.open_raw(open=open_handler)
    opcode, payload = yield peer.read_frame()
    if opcode is not None:
        peer.send(frame(8, payload[:125]))
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def peer_closes_without_code(run):
    """C26, C27."""
    return peer_closes(run, close_frame())


@scenario
def peer_closes_with_code(run):
    """C26, C27."""
    return peer_closes(run, close_frame(1001))


@scenario
def peer_closes_with_code_and_reason(run):
    """C26, C27: the reason is told, not sent back."""
    return peer_closes(run, close_frame(4321, u"caf\xe9".encode("utf-8")))


@scenario
def peer_closes_after_messages(run):
    """C21: messages before the close frame are delivered before ``on_close``."""
    return peer_closes(run, frame(TEXT, b"one") + frame(TEXT, b"two") + close_frame(1000),
                       on_message=echo)


@scenario
def messages_after_the_close_frame(run):
    """C27: nothing received after it is delivered."""
    return peer_closes(run, close_frame(1000) + frame(TEXT, b"late") + frame(PING, b"late"))


@scenario
def server_closes_without_code(run):
    """C24."""
    return server_closes(run)


@scenario
def server_closes_with_code(run):
    """C24."""
    return server_closes(run, 1001)


@scenario
def server_closes_with_code_and_reason(run):
    """C24."""
    return server_closes(run, 4000, u"caf\xe9")


@scenario
def server_closes_with_reason_only(run):
    """C24: 1000 is meant."""
    return server_closes(run, reason="going")


@scenario
def server_closes_with_longest_reason(run):
    """C24: 123 bytes."""
    return server_closes(run, 1000, "r" * 123)


@scenario
def server_closes_with_invalid_code(run):
    """C24: nothing is sent."""
    def open_handler(handler):
        run.attempt("close", handler.close, 999)
    peer = yield run.open_raw(open=open_handler)
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def server_closes_with_too_long_reason(run):
    """C24: nothing is sent."""
    def open_handler(handler):
        run.attempt("close", handler.close, 1000, "r" * 124)
    peer = yield run.open_raw(open=open_handler)
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def server_closes_twice(run):
    """C24: the second is a no-op; C25: writing and pinging fail."""
    def open_handler(handler):
        handler.close(1001)
        run.attempt("close", handler.close, 1002, "again")
        run.attempt("write_message", handler.write_message, "late")
        run.attempt("ping", handler.ping, b"late")
    peer = yield run.open_raw(open=open_handler)
    yield peer.read_frame()
    yield peer.finish(1001)
    yield run.wait_for("on_close")


@scenario
def server_closes_in_on_message(run):
    """C25: and what the peer sent before it knew."""
    def on_message(handler, message):
        handler.write_message(message)
        handler.close(1000, "enough")
    peer = yield run.open_raw(on_message=on_message)
    peer.send(frame(TEXT, b"one"))
    yield peer.read_frames(2)
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def message_after_own_close(run):
    """The peer's messages may still come after our close frame, before its own."""
    peer = yield run.open_raw(open=lambda handler: handler.close(1000))
    yield peer.read_frame()
    peer.send(frame(TEXT, b"crossed") + frame(PING, b"crossed"))
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def peer_answers_with_another_code(run):
    """C26: ``close_code`` is what the peer sent."""
    peer = yield run.open_raw(open=lambda handler: handler.close(1001, "bye"))
    yield peer.read_frame()
    peer.send(close_frame(3000, b"own reason"))
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def peer_does_not_answer_the_close(run):
    """C25: after five seconds the socket is dropped, not before."""
    peer = yield run.open_raw(open=lambda handler: handler.close())
    yield peer.read_frame()
    run.advance(4.5)
    for _ in range(5):
        yield gen.moment
    run.note("after 4.5 s")
    run.advance(1)
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def abrupt_drop(run):
    """C26: ``on_close`` once, without code and reason."""
    peer = yield run.open_raw()
    peer.close()
    yield run.wait_for("on_close")


@scenario
def abrupt_drop_inside_a_frame(run):
    """C26: half a frame is not a message."""
    peer = yield run.open_raw()
    peer.send(frame(TEXT, b"half")[:-2])
    peer.close()
    yield run.wait_for("on_close")


@scenario
def abrupt_drop_after_messages(run):
    """C21: what came before the drop is delivered."""
    peer = yield run.open_raw()
    peer.send(frame(TEXT, b"one") + frame(TEXT, b"two"))
    peer.close()
    yield run.wait_for("on_close")


@scenario
def write_in_on_close(run):
    """C14: ``WebSocketClosedError``; ``close`` is a no-op."""
    def on_close(handler):
        run.note("ws_connection is None", handler.ws_connection is None)
        run.attempt("write_message", handler.write_message, "late")
        run.attempt("ping", handler.ping, b"late")
        run.attempt("close", handler.close)
    return peer_closes(run, close_frame(1000), on_close=on_close)


@scenario
def write_after_drop(run):
    """C14: after the connection's end as in ``on_close``."""
    handlers = []
    peer = yield run.open_raw(open=handlers.append)
    peer.close()
    yield run.wait_for("on_close")
    yield gen.moment
    run.attempt("write_message", handlers[0].write_message, "late")
    run.attempt("close", handlers[0].close, 1000, "late")


@scenario
def write_on_a_stream_that_is_closed(run):
    """C14: never ``None``."""
    def on_message(handler, message):
        handler.stream.close()
        run.attempt("write_message", handler.write_message, "late")
    return peer_closes(run, frame(TEXT, b"now"), on_message=on_message)


@scenario
def stream_closed_by_the_application(run):
    """C26: ``handler.stream`` is the connection's stream, and closing it ends all."""
    return peer_closes(run, frame(TEXT, b"now") + frame(TEXT, b"late"),
                       on_message=lambda handler, message: handler.stream.close())


@scenario
def on_connection_close_overridden(run):
    """Section 2: the hook below ``on_close``."""
    base = run.handler_class()

    class Overriding(base):
        def on_connection_close(self):
            run.note("on_connection_close", self.ws_connection is None)
            super(Overriding, self).on_connection_close()
            run.note("after", self.ws_connection is None)

    run.serve(Overriding)
    peer = yield run.connect_raw()
    yield peer.handshake()
    peer.close()
    yield run.wait_for("after")


@scenario
def large_write_then_close(run):
    """C15, C24: the close frame goes after the whole message, however slow the reader is."""
    def on_message(handler, message):
        future = handler.write_message(b"L" * (8 * 1024 * 1024), binary=True)
        run.note("written at once", future.done())
        future.add_done_callback(lambda done: run.note("written", done.exception()))
        handler.close(1000)
    peer = yield run.open_raw(on_message=on_message)
    peer.send(frame(TEXT, b"send"))
    yield run.wait_for("written at once")
    yield peer.read_frames(2)
    yield run.turn_until(lambda: run.trace["app"][-1][0] == "written")
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def drop_while_a_large_write_waits(run):
    """C14: the Future of a write that cannot be finished fails."""
    def on_message(handler, message):
        future = handler.write_message(b"L" * (8 * 1024 * 1024), binary=True)
        future.add_done_callback(lambda done: run.note("failed", done.exception() is not None))
    peer = yield run.open_raw(on_message=on_message)
    peer.send(frame(TEXT, b"send"))
    yield run.wait_for("on_message")
    peer.close()
    yield run.wait_for("on_close")
    yield run.turn_until(lambda: run.trace["app"][-1][0] == "failed")


def fail(*args):
    """Raise."""
    raise KeyError("boom")


@scenario
def exception_in_open(run):
    """C12, C19."""
    peer = yield run.open_raw(open=fail)
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def exception_in_on_message(run):
    """C19: what follows is not delivered."""
    return peer_closes(run, frame(TEXT, b"one") + frame(TEXT, b"two"), on_message=fail)


@scenario
def exception_in_on_pong(run):
    """C19."""
    return peer_closes(run, frame(PONG, b"one") + frame(TEXT, b"two"), on_pong=fail)


@scenario
def exception_in_on_close(run):
    """C26: told once."""
    return peer_closes(run, close_frame(1000), on_close=fail)


@scenario
def exception_in_on_message_coroutine(run):
    """C19: also in the Future that ``on_message`` returns."""
    @gen.coroutine
    def on_message(handler, message):
        yield gen.moment
        if message == u"fail":
            fail()
        handler.write_message(message)
    peer = yield run.open_raw(on_message=on_message)
    peer.send(frame(TEXT, b"fail"))
    yield run.turn_until(lambda: run.trace["log"])
    peer.send(frame(TEXT, b"then") + close_frame(1000))
    yield peer.read_end()
    yield run.wait_for("on_close")


@scenario
def exception_ends_one_connection_only(run):
    """C19: other connections are untouched."""
    def on_message(handler, message):
        if message == u"fail":
            fail()
        handler.write_message(message)
    first = yield run.open_raw(on_message=on_message)
    second = yield run.connect_raw()
    yield second.handshake()
    first.send(frame(TEXT, b"fail"))
    yield first.read_end()
    yield run.wait_for("on_close")
    second.send(frame(TEXT, b"fine"))
    yield second.read_frame()
    yield second.finish()


@scenario
def close_while_compressed(run):
    """C34, C27: the close frame is not compressed."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    peer = yield run.open_raw(request=DEFLATE_OFFER, get_compression_options=compressing,
                              on_message=echo)
    peer.send(frame(TEXT, deflate(b"last", compressor), rsv=RSV1) + close_frame(1000, b"done"))
    yield peer.read_end()
    yield run.wait_for("on_close")
