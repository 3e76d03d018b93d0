"""What the extension in C keeps to besides doing what the Python methods do."""
import contextlib
import copy
import errno
import gc
import inspect
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import weakref
from unittest import mock

import pytest
from both_ways import current_loop
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

import tornado_ws
from tornado_ws import _straight
from tornado_ws._compat import contexts, loop
from tornado_ws._connection import broadcast, delivery, protocol
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._sansio import connection, frames
from tornado_ws._straight import _extension, twins
from tornado_ws._stream import direct, transport, turn

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
TYPES = ("Core", "Turn", "Transport", "Delivery", "Protocol")
FRAME = b"\x82\x85mask" + bytes(byte ^ key for byte, key in zip(b"Hello", b"maskm"))


class Handler:
    """Stands where a handler does; answers every message."""

    _ws_path = "/"
    _ws_serial_messages = False, True
    on_pong = _ws_on_ping = _ws_connection_error = _ws_sent_close = None

    def __init__(self):
        self.messages = []
        self.closed = 0

    def on_message(self, message):
        self.messages.append(message)

    def on_connection_close(self):
        self.closed += 1


@pytest.fixture
def io_loop():
    with current_loop() as loop:
        yield loop


def open_connection(sock, handler, is_client=False):
    """Open a connection on a socket, without a handshake."""
    opened = protocol.WebSocketProtocol13(handler, is_client)
    handler.protocol = opened
    opened.begin(IOStream(sock), contexts.request_context()).go_on()
    return opened


def turns(io_loop, count=4):
    for _ in range(count):
        # A loop of Tornado's own runs callbacks before it looks for events.
        io_loop.add_callback(io_loop.add_callback, io_loop.stop)
        io_loop.start()


@pytest.fixture
def ends(io_loop):
    """Give a connection and the peer's socket."""
    ours, theirs = socket.socketpair()
    opened = open_connection(ours, Handler())
    theirs.settimeout(30)
    yield opened, theirs
    theirs.close()
    opened.stream.close()
    turns(io_loop)
    ours.close()


# The boundary.


@pytest.mark.parametrize("name", TYPES)
def test_the_fields_are_those_of_the_twin(name):
    fields = {field for field, value in vars(getattr(_extension, name)).items()
              if inspect.ismemberdescriptor(value) or inspect.isgetsetdescriptor(value)}
    assert fields == set(getattr(twins, name).__slots__)


def test_what_is_in_use_is_what_was_built():
    assert _straight.in_c
    for name, kind in zip(TYPES, (connection.Connection, turn.Turn, direct.DirectTransport,
                                  delivery.Delivery, protocol.WebSocketProtocol13)):
        assert issubclass(kind, getattr(_extension, name))


def test_a_checkout_takes_what_was_installed_from_the_same_source(tmp_path):
    package = os.path.dirname(tornado_ws.__file__)
    source = os.path.join(CHECKOUT, "tornado_ws", "_straight", "_extension.c")
    checkout, installed = tmp_path / "checkout", tmp_path / "installed"
    shutil.copytree(package, str(checkout / "tornado_ws"), ignore=shutil.ignore_patterns("*.so"))
    copied = shutil.copy(source, str(checkout / "tornado_ws" / "_straight"))
    (installed / "tornado_ws" / "_straight").mkdir(parents=True)
    shutil.copy(_extension.__file__, str(installed / "tornado_ws" / "_straight"))

    def is_in_c():
        script = "import tornado_ws._straight as it; print(it.in_c, it.__file__)"
        environment = dict(os.environ, PYTHONPATH=str(installed))
        environment.pop(_straight.VARIABLE, None)
        # Coverage of a file that will be gone cannot be reported.
        environment.pop("COVERAGE_PROCESS_START", None)
        in_c, path = subprocess.check_output(
            [sys.executable, "-c", script], cwd=str(checkout), env=environment).split()
        assert path.decode().startswith(str(checkout))
        return in_c

    assert is_in_c() == b"True"
    with open(copied, "a") as file:
        file.write("/* changed */")
    assert is_in_c() == b"False"


def test_the_limits_are_those_of_python():
    assert _extension.GATHER_LIMIT == transport.GATHER_LIMIT


def test_each_step_has_its_method():
    for step in twins.STEPS:
        method = _extension.put_before(step, lambda *args: args)
        assert method(1, 2, 3, 4, 5) == (1, 2, 3, 4, 5)
    with pytest.raises(ValueError):
        _extension.put_before("no such step", lambda: None)
    with pytest.raises(TypeError):
        _extension.put_before("write", len)


def test_a_method_with_a_step_is_like_any_other():
    method = protocol.WebSocketProtocol13.write_message
    assert method.__name__ == "write_message" and "Send a message" in method.__doc__
    assert str(inspect.signature(method)) == "(self, message, binary=False)"
    assert method.__module__ == protocol.__name__
    with pytest.raises(TypeError):
        method()
    with pytest.raises(AttributeError):
        method.no_such_attribute
    assert frames.mask_bytes(key=b"mask", data=b"\0\0") == b"ma"
    with pytest.raises(ValueError):
        frames.mask_bytes(b"key", b"data")
    assert pickle.loads(pickle.dumps(frames.mask_bytes)) is frames.mask_bytes
    assert copy.copy(method) is weakref.ref(method)() is method


def test_a_mock_knows_a_method_with_a_step(ends):
    opened, _ = ends
    with mock.patch.object(type(opened), "write_message", autospec=True) as patched:
        opened.write_message("x")
    patched.assert_called_once_with(opened, "x")


WRONG = [
    (connection.Connection, "_single", []), (connection.Connection, "_keys", ()),
    (connection.Connection, "messages_in", "1"), (connection.Connection, "_limit", 1.5),
    (connection.Connection, "_is_client", 1), (connection.Connection, "_limit", 1 << 80),
    (direct.DirectTransport, "_turn", object()), (direct.DirectTransport, "gathered", ()),
    (direct.DirectTransport, "paused", 0), (direct.DirectTransport, "_unsent", None),
    (delivery.Delivery, "transport", object()), (delivery.Delivery, "_core", {}),
    (delivery.Delivery, "_hold", []), (delivery.Delivery, "held", None),
    (protocol.WebSocketProtocol13, "_transport", 5), (protocol.WebSocketProtocol13, "_core", 5),
    (protocol.WebSocketProtocol13, "client_terminated", 0), (turn.Turn, "number", None),
    (turn.Turn, "_ends", 1)]


@pytest.mark.parametrize("kind, name, value", WRONG)
def test_what_is_of_the_wrong_type_cannot_be_set(kind, name, value):
    thing = kind.__new__(kind)
    before = getattr(thing, name)
    with pytest.raises((TypeError, OverflowError)):
        setattr(thing, name, value)
    assert getattr(thing, name) == before


def test_a_field_that_is_an_object_cannot_be_deleted():
    core = connection.Connection(False)
    with pytest.raises(TypeError):
        del core._single
    assert core.receive_message(FRAME) == b"Hello"


@pytest.mark.parametrize("kind", [
    connection.Connection, turn.Turn, direct.DirectTransport, delivery.Delivery,
    protocol.WebSocketProtocol13])
def test_an_object_without_its_fields_is_left_to_python(kind):
    """What was never initialized may raise what Python raises, but crashes nothing."""
    thing = kind.__new__(kind)
    for name, args in (("receive_message", (FRAME,)), ("send_message", (1, b"x")),
                       ("write", (b"x",)), ("_receive", ()), ("receive", (b"x",)),
                       ("write_message", (b"x",))):
        if hasattr(thing, name):
            with contextlib.suppress(AttributeError, TypeError):
                getattr(thing, name)(*args)
    thing = None
    gc.collect()


# Descriptors.


@contextlib.contextmanager
def untouched(others, number):
    """Check that a pair of sockets has the number of a closed one, and nobody writes to it."""
    try:
        assert others[0].fileno() == number
        yield
        others[1].setblocking(False)
        with pytest.raises(BlockingIOError):
            others[1].recv(1)
    finally:
        for other in others:
            other.close()


def test_a_number_that_is_used_again_is_not_touched(ends, io_loop):
    """Whoever closes the socket itself, and the stream does not know: neither recv nor send."""
    opened, theirs = ends
    sock = opened.stream.socket
    number = sock.fileno()
    io_loop.remove_handler(sock)
    opened.stream._state = None
    sock.close()
    others = socket.socketpair()
    with untouched(others, number):
        others[1].send(FRAME)
        opened._transport._receive()
        with pytest.raises(WebSocketClosedError):
            opened.write_message(b"x")
        assert opened.handler.messages == []
        assert others[0].recv(100) == FRAME


# What is called meanwhile: garbage that is collected, a signal's handler, a property.


@pytest.fixture
def begin_with(monkeypatch):
    """Have the next turn of the loop begin with a call."""
    def begin_with(function):
        call_soon = loop.call_soon

        def called_instead(*args):
            monkeypatch.setattr(loop, "call_soon", call_soon)
            call_soon(*args)
            function()

        monkeypatch.setattr(loop, "call_soon", called_instead)

    return begin_with


def test_what_closes_the_stream_meanwhile(ends, io_loop, begin_with):
    """The descriptor may be another socket's then; nothing is written to it."""
    opened, _ = ends
    turns(io_loop)
    number, others = opened.stream.socket.fileno(), []

    def close():
        opened.stream.close()
        others.extend(socket.socketpair())

    begin_with(close)
    with pytest.raises(WebSocketClosedError):
        opened.write_message(b"secret")
    with untouched(others, number):
        pass


def test_what_writes_meanwhile_comes_first(ends, io_loop, begin_with):
    opened, theirs = ends
    turns(io_loop)
    begin_with(lambda: [opened.write_message(text) for text in (u"1", u"2")])
    opened.write_message(u"3")
    turns(io_loop)
    assert theirs.recv(100) == b"\x81\x011\x81\x012\x81\x013"


def test_ctrl_c_meanwhile_is_raised(ends, io_loop, begin_with):
    opened, theirs = ends
    turns(io_loop)

    def interrupt():
        raise KeyboardInterrupt

    class Thread:
        """As of a loop that has to be asked: a property in Python."""

        _thread_id = property(lambda self: interrupt())

    begin_with(interrupt)
    with pytest.raises(KeyboardInterrupt):
        opened.write_message(u"1")
    thread, opened.thread = opened.thread, Thread()
    with pytest.raises(KeyboardInterrupt):
        opened.write_message(u"2")
    opened.thread = thread
    opened.write_message(u"3")
    turns(io_loop)
    assert theirs.recv(100) == b"\x81\x013"


def test_what_takes_the_core_away_meanwhile(io_loop):
    """It is not written to when it is freed."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs):
        opened, others = open_connection(ours, Handler(), is_client=True), []

        def urandom(size):
            opened._core = None
            others.extend(connection.Connection(False) for _ in range(50))
            return os.urandom(size)

        opened._delivery._core = None
        opened._core = connection.Connection(True, None, frames.mask_bytes, urandom)
        opened.write_message(b"x" * 100)
        assert not any(other.wire_bytes_out for other in others)
        opened.thread = type("Thread", (), {"_thread_id": property(
            lambda self: setattr(opened, "_core", None) or threading.get_ident())})()
        with pytest.raises(AttributeError):
            opened.write_message(b"x")
        opened._core = opened._delivery._core = connection.Connection(True)
        opened.stream.close()
        turns(io_loop)


def test_what_takes_the_stream_away_meanwhile(ends, io_loop):
    transport = ends[0]._transport
    io_loop, stream = transport.io_loop, transport.stream

    class Loop:
        def __getattr__(self, name):
            if name == "_nest_patched":
                del transport.stream
            raise AttributeError(name)

    transport.io_loop = type("Loops", (), {"asyncio_loop": Loop()})()
    with contextlib.suppress(AttributeError):
        transport._receive()
    transport.io_loop, transport.stream = io_loop, stream


def put_vanishing(owner, name):
    """Set a field to an object that sets it back while it is looked at, and is free then."""
    other = getattr(owner, name)

    class Vanishing:
        def __getattribute__(self, attribute):
            setattr(owner, name, other)
            raise AttributeError(attribute)

        def __getattr__(self, attribute):
            return getattr(other, attribute)

    setattr(owner, name, Vanishing())


@pytest.mark.parametrize("part, name", [
    ("_transport", "stream"), ("_transport", "io_loop"), ("_delivery", "_callbacks"),
    (None, "thread")])
def test_a_field_that_changes_while_it_is_looked_at(ends, io_loop, part, name):
    """Its object is freed only when it has been looked at."""
    opened, theirs = ends
    put_vanishing(getattr(opened, part) if part else opened, name)
    theirs.send(FRAME)
    turns(io_loop)
    opened.write_message(b"x", True)
    turns(io_loop)
    assert theirs.recv(100) == b"\x82\x01x"


def test_a_handler_that_goes_while_a_message_comes(ends, io_loop, caplog):
    """What is freed meanwhile takes it away: an error as any other."""
    opened, theirs = ends
    delivery = opened._delivery

    class Last:
        def __del__(self):
            del delivery._handler

    opened._transport.wrote = Last()
    theirs.send(FRAME)
    with contextlib.suppress(AttributeError):
        turns(io_loop)
    assert "AttributeError" in caplog.text or not hasattr(delivery, "_handler")


def test_what_is_raised_while_a_stream_is_looked_at_is_not_lost(ends):
    """Ctrl-C may come there, where a stream of an application has a property."""
    opened, theirs = ends

    class Stream:
        max_write_buffer_size = None

        @property
        def socket(self):
            raise KeyboardInterrupt()

    stream, opened._transport.stream = opened._transport.stream, Stream()
    try:
        with pytest.raises(KeyboardInterrupt):
            opened.write_message(b"x", True)
    finally:
        opened._transport.stream = stream


def reset(sock):
    """Close a socket so that its peer's is reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def tcp():
    """Give both ends of a TCP connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    listener.close()
    yield server, client
    server.close()
    client.close()


def test_what_recv_fails_with_is_the_streams_error(tcp, io_loop):
    opened = open_connection(tcp[0], Handler())
    handler = opened.handler
    turns(io_loop)
    reset(tcp[1])
    turns(io_loop, 8)
    assert opened.stream.closed() and handler.closed == 1
    assert opened.stream.error.errno == errno.ECONNRESET


def test_what_send_fails_with_is_the_streams_error(tcp, io_loop):
    opened = open_connection(tcp[0], Handler())
    reset(tcp[1])
    with pytest.raises(WebSocketClosedError):
        opened.write_message(b"x")
    assert opened.stream.error.errno in (errno.ECONNRESET, errno.EPIPE)
    turns(io_loop, 8)


def test_what_the_socket_takes_only_a_part_of(ends, io_loop):
    """The rest goes by the stream, and the Future waits for it."""
    opened, theirs = ends
    opened.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    theirs.setblocking(False)
    message, futures = b"x" * 60000, []
    while not futures or futures[-1].done():
        turns(io_loop, 2)
        futures.append(opened.write_message(message, True))
    data = b""
    while len(data) < len(futures) * 60004:
        try:
            data += theirs.recv(1 << 20)
        except BlockingIOError:
            turns(io_loop, 1)
    turns(io_loop)
    assert futures[-1].result() is None
    assert data == (b"\x82\x7e\xea\x60" + message) * len(futures)


# Loops, threads and interpreters.


def exchange(count, failures):
    """Exchange messages between two connections on a loop of this thread's."""
    io_loop = IOLoop(make_current=True)
    pair = socket.socketpair()
    handlers = [Handler(), Handler()]
    ends = [open_connection(pair[0], handlers[0]), open_connection(pair[1], handlers[1], True)]

    def answer(end, handler):
        def on_message(message):
            handler.messages.append(message)
            if len(handler.messages) < count:
                end.write_message(u"%s %d" % (threading.current_thread().name, len(message)))
            else:
                io_loop.stop()
        handler.on_message = on_message

    try:
        for end, handler in zip(ends, handlers):
            answer(end, handler)
        ends[0].write_message(u"x" * 300)
        io_loop.start()
        failures += [message for handler in handlers for message in handler.messages[1:]
                     if not message.startswith(threading.current_thread().name + " ")]
        if len(handlers[1].messages) + len(handlers[0].messages) < 2 * count - 1:
            failures.append([len(handler.messages) for handler in handlers])
    except BaseException as error:
        failures.append(error)
        raise
    finally:
        for end in ends:
            end.stream.close()
        turns(io_loop)
        io_loop.close(all_fds=True)
        for sock in pair:
            sock.close()


def test_loops_in_threads_have_nothing_in_common():
    """Two loops exchange messages at the same time; each gets its own."""
    failures = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=exchange, args=(3000, failures), name="thread%d" % number)
               for number in range(2)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []


SUB_INTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import tornado_ws._straight
program = "from tornado_ws import _straight; assert not _straight.in_c, 'it has it'"
failure = None
for config in ((), ("legacy",)):
    try:
        number = interpreters.create(*config)
    except TypeError:
        continue  # before there were kinds of them
    failure = failure or getattr(interpreters, "exec", interpreters.run_string)(number, program)
    interpreters.destroy(number)
assert failure is None, failure
assert tornado_ws._straight.in_c
"""


def test_a_sub_interpreter_does_without():
    """Of either kind; Python's own types there are not those of the first one."""
    path = os.pathsep.join([os.path.dirname(os.path.dirname(os.path.dirname(twins.__file__)))]
                           + sys.path[1:])
    subprocess.check_call([sys.executable, "-W", "ignore", "-c", textwrap.dedent(SUB_INTERPRETER)],
                          env=dict(os.environ, PYTHONPATH=path))


# References and memory.

#: How many references there are to all objects, which a debug build of CPython counts.
all_references = getattr(sys, "gettotalrefcount", int)


def echoes(opened, theirs, io_loop, count):
    """Have messages echoed, of each kind, in and outside of callbacks."""
    handler = opened.handler

    def on_message(message):
        opened.write_message(message, True)
        opened.write_message(u"second")

    handler.on_message = on_message
    for _ in range(count):
        theirs.send(FRAME)
        turns(io_loop, 1)
        opened.write_message(b"outside", True)
        opened.write_message(u"\u20ac", False)
        turns(io_loop, 1)
        assert theirs.recv(1000) == (b"\x82\x05Hello\x81\x06second\x82\x07outside\x81\x03"
                                     b"\xe2\x82\xac")


@pytest.mark.cpython
def test_a_message_leaves_nothing_behind(ends, io_loop):
    """As many objects, blocks and references after many messages as after a few."""
    opened, theirs = ends
    shared = (None, True, False, 0, b"", opened, opened._core, opened._transport, opened.handler,
              opened._delivery, opened.stream, opened._transport._turn, opened._callbacks)

    def count():
        gc.collect()
        return ([len(gc.get_objects()), sys.getallocatedblocks(), all_references()],
                list(map(sys.getrefcount, shared)))

    echoes(opened, theirs, io_loop, 100)
    (before, references), echoed = count(), 1000
    echoes(opened, theirs, io_loop, echoed)
    after, references_after = count()
    for number, more in zip(before, after):
        assert more - number < echoed / 10, (before, after)
    for thing, number, more in zip(shared, references, references_after):
        assert more - number < echoed / 10, (thing, number, more)


@pytest.mark.cpython
def test_what_is_not_taken_leaves_nothing_behind(ends, io_loop):
    """Frames that go to Python, messages that cannot be sent, callbacks that fail."""
    opened, theirs = ends
    core = opened._core

    def unusual():
        for wrong in (b"\x81\x81mask\x92", b"\x89\x80mask", b"\x01\x80mask", FRAME + FRAME):
            assert core.receive_message(wrong) is None
        for wrong in (u"\ud800", 5, None):
            with pytest.raises((TypeError, UnicodeEncodeError)):
                opened.write_message(wrong)

    def blocks():
        gc.collect()
        return (sys.getallocatedblocks(), all_references(),
                sys.getrefcount(None), sys.getrefcount(core))

    for _ in range(100):
        unusual()
    before = blocks()
    for _ in range(1000):
        unusual()
    assert all(more - number < 100 for number, more in zip(before, blocks()))


def test_a_transport_that_writes_in_its_own_way_is_asked(ends):
    """C looks whose ``write`` it stands in for: that of a limited transport counts what waits."""
    opened, theirs = ends
    written = []

    class Own(direct.DirectTransport):
        def write(self, data):
            written.append(data)
            return super().write(data)

        def write_quietly(self, data):
            written.append(data)
            return super().write_quietly(data)

    opened._transport.__class__ = Own
    opened.write_message(u"x")
    assert written == [b"\x81\x01x"] and theirs.recv(100) == b"\x81\x01x"
    broadcast.write_frame(opened, b"\x81\x01y", 1)
    assert written[1:] == [b"\x81\x01y"]


def test_frames_made_for_many_leave_in_the_order_of_the_calls(ends, io_loop):
    """The first of a turn at once, those behind it with its end; all are counted."""
    opened, theirs = ends
    turns(io_loop)
    broadcast.write_frame(opened, b"\x81\x011", 1)
    assert theirs.recv(100) == b"\x81\x011"
    for number in (b"2", b"3"):
        broadcast.write_frame(opened, b"\x81\x01" + number, 1)
        opened.write_message(number + b"!", True)
    broadcast.write_frame(opened, b"\x82\x7e\xff\xf0" + b"x" * 0xfff0, 0xfff0)
    turns(io_loop)
    received = b""
    while len(received) < 14 + 4 + 0xfff0:
        received += theirs.recv(100000)
    assert received == (b"\x81\x012\x82\x022!\x81\x013\x82\x023!\x82\x7e\xff\xf0" + b"x" * 0xfff0)
    core = opened._core
    assert (core.messages_out, core.message_bytes_out) == (6, 7 + 0xfff0)
    assert core.wire_bytes_out == 3 + 14 + 4 + 0xfff0
    opened.stream.close()
    with pytest.raises(WebSocketClosedError):
        broadcast.write_frame(opened, b"\x81\x011", 1)
    assert core.messages_out == 6
