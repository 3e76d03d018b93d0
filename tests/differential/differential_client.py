"""Scenarios of the client's messages and of its end, seen from a raw server."""
from __future__ import absolute_import, division, print_function

import zlib

from differential_peer import (BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, close_frame,
                               deflate, frame)
from differential_run import scenario
from tornado import gen


def client_writes(name, message, binary=False):
    """Make a scenario of the client writing one message."""
    def function(run):
        connection, peer = yield run.connect_ws()
        result = run.attempt("write_message", connection.write_message, message, binary)
        if result is not None:
            yield result
            yield peer.read_frame()
        yield peer.finish()
        yield run.outcome("read", connection.read_message())
    function.__name__ = "client_writes_" + name
    function.__doc__ = "C13: the types of message."
    scenario(function)


client_writes("text", "text")
client_writes("unicode", u"caf\xe9 \U0001f600")
client_writes("binary", b"\x00\xff", binary=True)
client_writes("empty", "")
client_writes("large", "x" * (1024 * 1024))
client_writes("medium", b"x" * 300, binary=True)
client_writes("dict", {"a": 1})
client_writes("int", 5)


@scenario
def client_reads_messages(run):
    """C41: one after the other, whether they were waited for or not; text and binary."""
    connection, peer = yield run.connect_ws()
    pending = connection.read_message()
    peer.send_frame(TEXT, u"caf\xe9".encode("utf-8"))
    yield run.outcome("read", pending)
    peer.send(frame(BINARY, b"\x00\xff", mask=None) + frame(TEXT, b"", mask=None)
              + frame(TEXT, b"f", fin=False, mask=None) + frame(PING, b"p", mask=None)
              + frame(CONTINUATION, b"ragments", mask=None))
    for _ in range(3):
        yield run.outcome("read", connection.read_message())
    yield peer.read_frame()
    yield peer.finish(1001)
    yield run.outcome("read", connection.read_message())
    run.note("close", connection.close_code, connection.close_reason)


@scenario
def client_reads_with_callback(run):
    """C41: the callback gets the Future."""
    connection, peer = yield run.connect_ws()

    def on_read(future):
        run.note("read", future.result())
    peer.send_frame(TEXT, b"one")
    connection.read_message(callback=on_read)
    yield run.wait_for("read")
    peer.send_frame(TEXT, b"two")
    future = connection.read_message(on_read)
    yield run.outcome("future", future)
    yield peer.finish()
    yield run.outcome("at the end", connection.read_message())


@scenario
def client_reads_twice_at_once(run):
    """A second read while one waits is the caller's mistake."""
    connection, peer = yield run.connect_ws()
    pending = connection.read_message()
    run.attempt("second read", connection.read_message)
    peer.send_frame(TEXT, b"one")
    yield run.outcome("read", pending)
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_on_message_callback(run):
    """C41: messages and the final ``None`` go to the callback."""
    def on_message(message):
        run.note("on_message", message)
        if message is None:
            run.note("at the end")
    connection, peer = yield run.connect_ws(on_message_callback=on_message)
    peer.send(frame(TEXT, b"one", mask=None) + frame(BINARY, b"two", mask=None))
    yield run.wait_for("on_message")
    yield peer.finish()
    yield run.wait_for("at the end")


@scenario
def client_frames_together_with_the_answer(run):
    """C41: frames sent with the 101 are not lost."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url())
    peer = yield server.accept()
    yield peer.accept_handshake(and_then=frame(TEXT, b"one", mask=None)
                                + frame(TEXT, b"two", mask=None))
    connection = yield future
    for _ in range(2):
        yield run.outcome("read", connection.read_message())
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


def client_closes(run, *args, **kwargs):
    """Close from the client, answer the close frame, note what is read."""
    connection, peer = yield run.connect_ws()
    pending = connection.read_message()
    run.attempt("close", connection.close, *args, **kwargs)
    run.note("protocol is None", connection.protocol is None)
    _, payload = yield peer.read_frame()
    peer.send_frame(CLOSE, payload)
    yield peer.read_end()
    yield run.outcome("read", pending)
    run.note("close", connection.close_code, connection.close_reason)


@scenario
def client_closes_without_code(run):
    """C24."""
    return client_closes(run)


@scenario
def client_closes_with_code_and_reason(run):
    """C24."""
    return client_closes(run, 1001, u"caf\xe9")


@scenario
def client_closes_with_reason_only(run):
    """C24: 1000 is meant."""
    return client_closes(run, reason="going")


@scenario
def client_closes_twice(run):
    """C24: the second is a no-op."""
    connection, peer = yield run.connect_ws()
    connection.close(1000)
    run.attempt("close", connection.close, 1001)
    yield peer.read_frame()
    peer.send(close_frame(1000, mask=None))
    yield peer.read_end()
    yield run.outcome("read", connection.read_message())


@scenario
def client_writes_after_own_close(run):
    """C43."""
    connection, peer = yield run.connect_ws()
    connection.close()
    run.attempt("write_message", connection.write_message, "late")
    yield peer.read_frame()
    peer.send(close_frame(1000, mask=None))
    yield peer.read_end()
    yield run.outcome("read", connection.read_message())


@scenario
def client_writes_after_the_peers_close(run):
    """C43."""
    connection, peer = yield run.connect_ws()
    peer.send(close_frame(1000, mask=None))
    yield peer.read_end()
    yield run.outcome("read", connection.read_message())
    run.attempt("write_message", connection.write_message, "late")


@scenario
def client_reads_after_the_end(run):
    """C41: ``None``, again and again."""
    connection, peer = yield run.connect_ws()
    yield peer.finish()
    yield run.outcome("read", connection.read_message())
    again = connection.read_message()
    for _ in range(5):
        yield gen.moment
    run.note("again", again.done() and again.result(), again.done())


@scenario
def client_reads_what_came_before_the_close(run):
    """C41: messages that nobody had read are still there after the close."""
    connection, peer = yield run.connect_ws()
    peer.send(frame(TEXT, b"one", mask=None) + frame(TEXT, b"two", mask=None)
              + close_frame(4000, b"why", mask=None))
    yield peer.read_end()
    for _ in range(3):
        yield run.outcome("read", connection.read_message())
    run.note("close", connection.close_code, connection.close_reason)


@scenario
def client_sees_a_drop(run):
    """C41: the end without a close frame."""
    connection, peer = yield run.connect_ws()
    peer.send_frame(TEXT, b"one")
    yield run.outcome("read", connection.read_message())
    peer.close()
    yield run.outcome("read", connection.read_message())
    run.note("close", connection.close_code, connection.close_reason)


@scenario
def client_told_of_pong(run):
    """Section 2: ``on_pong`` can be overridden."""
    connection, peer = yield run.connect_ws()
    connection.on_pong = lambda data: run.note("on_pong", data)
    peer.send_frame(PONG, b"data")
    yield run.wait_for("on_pong")
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_exception_in_on_message_callback(run):
    """C19: logged; the connection ends."""
    def on_message(message):
        run.note("on_message", message)
        if message is None:
            run.note("at the end")
        else:
            raise KeyError("boom")
    connection, peer = yield run.connect_ws(on_message_callback=on_message)
    peer.send_frame(TEXT, b"one")
    yield peer.read_end()
    yield run.wait_for("at the end")


def client_violation(name, data):
    """Make a scenario of a server that breaks the protocol."""
    def function(run):
        connection, peer = yield run.connect_ws()
        peer.send(data)
        yield peer.read_end()
        yield run.outcome("read", connection.read_message())
        run.note("close", connection.close_code, connection.close_reason)
    function.__name__ = "client_violation_" + name
    function.__doc__ = "C29."
    scenario(function)


client_violation("reserved_bit", frame(TEXT, b"x", rsv=0x20, mask=None))
client_violation("bad_utf8", frame(TEXT, b"\xff", mask=None))
client_violation("reserved_opcode", frame(0x5, b"x", mask=None))


@scenario
def client_masked_frame(run):
    """C29."""
    connection, peer = yield run.connect_ws()
    peer.send(frame(TEXT, b"masked"))
    yield run.outcome("read", connection.read_message())
    yield peer.finish()


@scenario
def client_compresses(run):
    """C32, C34: both directions."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url(), compression_options={})
    peer = yield server.accept()
    yield peer.accept_handshake(Sec_WebSocket_Extensions=b"permessage-deflate")
    connection = yield future
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    for text in (u"hello", u"hello hello hello", u"caf\xe9"):
        connection.write_message(text)
        yield peer.read_frame()
        peer.send_frame(TEXT, deflate(text.encode("utf-8"), compressor), rsv=RSV1)
        yield run.outcome("read", connection.read_message())
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_compression_declined(run):
    """C32: an offer that is not taken up."""
    connection, peer = yield run.connect_ws(compression_options={})
    connection.write_message("hello")
    yield peer.read_frame()
    yield peer.finish()
    yield run.outcome("read", connection.read_message())
