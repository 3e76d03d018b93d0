"""The straight path in C beside the one in Python: the same, call by call.

The same bytes, cut at the same places, come into both; what the callbacks see and do, what comes
back, each counter and each Future has to be the same, and in the same order.
"""
import contextlib
import errno
import socket

from both_ways import PYTHON, C, current_loop
from core_strategies import connect, frame_payloads, limits, roles
from frame_oracle import frame
from hypothesis import example, given
from hypothesis import strategies as st
from test_single_properties import COUNTERS, reads
from tornado.concurrent import Future
from tornado.iostream import IOStream

from tornado_ws._sansio import utf8

PATIENCE = (3600, -1)  # seconds: never lost, always lost; how long a callback takes is chance
TURNS = 6  # of the loop after each part: what is left for later turns has come by then
GOES_ON = ("nothing", "echo", "twice", "large", "later", "wait", "outside", "bound")
ACTIONS = GOES_ON + ("raise", "close")
WORDS = ("state", "held", "_hold", "attention", "unread_bytes", "_queue_bytes")


def fixed_random(size):
    """Stand in for ``os.urandom``: masking keys that can be compared."""
    return bytes(i % 251 for i in range(size))


class Handler:
    """Stands where a handler does, and notes everything."""

    _ws_path = "/"
    close_code = close_reason = _ws_connection_error = _ws_sent_close = None

    def __init__(self, script, serial):
        self._script = iter(script)
        self._ws_serial_messages = serial, True
        self.notes = []
        self.futures = []
        self.protocol = None

    def note(self, *what):
        transport = self.protocol._transport
        self.notes.append(what + (transport.batching, transport.last, transport.wrote is None,
                                  len(transport.gathered), transport._unsent, transport.paused))

    def write(self, message, binary):
        try:
            future = self.protocol.write_message(message, binary)
        except Exception as error:
            self.note("not written", repr(error))
        else:
            self.futures.append(future)
            self.note("written", type(future).__name__, future.done())

    def on_message(self, message):
        self.note("message", message)
        return self.act(next(self._script, "echo"), message)

    def act(self, action, message):
        binary, loop = isinstance(message, bytes), self.protocol.io_loop
        if action in ("echo", "twice", "bound"):
            self.write(message, binary)
        if action == "twice":
            self.write(b"again", True)
        elif action == "large":
            self.write(200 * u"\u20ac", False)
        elif action == "raise":
            raise ValueError(message)
        elif action == "close":
            self.protocol.close(4000, "as it was told")
        elif action == "later":
            loop.add_callback(self.write, message, binary)
            loop.add_callback(self.write, message, binary)
        elif action == "outside":
            loop.add_callback(self.write, u"\ud800", False)
            loop.add_callback(self.write, 5, False)
        elif action == "bound":
            self.protocol.stream.max_write_buffer_size = 100
        elif action == "wait":
            return self.wait(message)
        return None

    async def wait(self, message):
        self.write(message, isinstance(message, bytes))
        waiting = Future()
        self.protocol.io_loop.add_callback(waiting.set_result, None)
        await waiting
        self.note("waited")

    def _ws_on_ping(self, data):
        self.note("ping", data)

    def on_pong(self, data):
        self.note("pong", data)

    def on_connection_close(self):
        self.note("the end")

    def _ws_log_exception(self, typ, error, traceback):
        self.note("failed", repr(error), traceback is not None)


@contextlib.contextmanager
def opened(way, role, limit, handler):
    """Open a connection without a handshake; give its protocol and the peer's socket."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with contextlib.closing(ours), contextlib.closing(theirs), current_loop() as io_loop:
        protocol = way.protocol.WebSocketProtocol13(handler, role == "client")
        protocol._core = way.core.Connection(role == "client", limit, urandom=fixed_random)
        handler.protocol = protocol
        protocol.begin(IOStream(ours), way.contexts.request_context()).go_on()
        yield protocol, theirs
        theirs.close()
        turn(io_loop)
        protocol.stream.close()
        turn(io_loop)


def turn(io_loop):
    for _ in range(TURNS):
        # A loop of Tornado's own runs callbacks before it looks for events.
        io_loop.add_callback(io_loop.add_callback, io_loop.stop)
        io_loop.start()


def received(sock):
    """Return what a socket has, and whether it was closed."""
    data = []
    try:
        while True:
            data.append(sock.recv(65536))
            if not data[-1]:
                return b"".join(data), True
    except EnvironmentError as error:
        return b"".join(data), error.errno != errno.EAGAIN


def outcome(future):
    """Return what a Future says; the one in C must not know more than the one in Python."""
    if not future.done():
        return "waits"
    error = future.exception()
    return repr(error) if error is not None else "sent"


def story(way, role, limit, serial, parts, script, patience=PATIENCE[0]):
    """Return all that happens when the parts come in."""
    way.transport.PATIENCE = patience
    handler = Handler(script, serial)
    told = []
    with opened(way, role, limit, handler) as (protocol, peer):
        for part in parts:
            with contextlib.suppress(EnvironmentError):
                peer.send(part)
            turn(protocol.io_loop)
            core, delivery = protocol._core, protocol._delivery
            told.append((received(peer), [getattr(core, name) for name in COUNTERS],
                         [getattr(delivery, name) for name in WORDS],
                         protocol._transport._turn_number - protocol._transport._turn.number,
                         list(map(outcome, handler.futures)), protocol.is_closing()))
    return handler.notes, told, list(map(outcome, handler.futures))


@given(st.data(), roles, limits, st.booleans(), st.lists(st.sampled_from(ACTIONS), max_size=6))
def test_the_same_story(data, role, limit, serial, script):
    parts = [part for part in data.draw(reads(role)) if part]
    in_python = story(PYTHON, role, limit, serial, parts, script)
    assert story(C, role, limit, serial, parts, script) == in_python


def key_for(role):
    return b"mask" if role == "server" else None


@given(roles, st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4), st.booleans(),
       st.sampled_from(PATIENCE))
@example("server", list(GOES_ON + ("raise",)), False, PATIENCE[0])
@example("client", list(GOES_ON + ("close",)), True, PATIENCE[1])
def test_the_same_story_of_plain_messages(role, script, serial, patience):
    """One message in each part, as it is where C takes all of them."""
    parts = [frame(0x81 + number % 2, b"message %d" % number, key_for(role))
             for number in range(len(script) + 1)]
    in_python = story(PYTHON, role, None, serial, parts, script, patience)
    assert story(C, role, None, serial, parts, script, patience) == in_python


@given(st.data(), roles, limits)
def test_the_same_core(data, role, limit):
    """Of the core alone: the same messages, events and counters."""
    cores = [way.core.Connection(role == "client", limit, urandom=fixed_random)
             for way in (PYTHON, C)]
    for part in data.draw(reads(role)):
        taken = [core.receive_message(part) for core in cores]
        assert taken[0] == taken[1] and type(taken[0]) is type(taken[1])
        if taken[0] is None:
            events = [[(opcode, repr(payload)) for opcode, payload in core.receive_data(part)]
                      for core in cores]
            assert events[0] == events[1]
        assert [[getattr(core, name) for name in COUNTERS] for core in cores][0] == [
            getattr(cores[1], name) for name in COUNTERS]


@given(roles, st.sampled_from([1, 2]), st.one_of(frame_payloads, st.sampled_from(
    [b"x" * size for size in (125, 126, 65535, 65536, 65537, 140000)])))
def test_the_same_frames(role, opcode, payload):
    cores = [way.core.Connection(role == "client", urandom=fixed_random) for way in (PYTHON, C)]
    frames = [core.send_message(opcode, payload) for core in cores for _ in range(2)]
    assert frames[:2] == frames[2:]
    assert cores[0].wire_bytes_out == cores[1].wire_bytes_out == len(frames[0] + frames[1])


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=70))
def test_the_same_mask(key, data):
    masked = [way.core.mask_bytes(key, data) for way in (PYTHON, C)]
    assert masked[0] == masked[1] and masked[1] == bytes(
        byte ^ key[i % 4] for i, byte in enumerate(data))


def test_a_text_is_decoded_as_the_core_decodes_it():
    """Whatever the length: on the stack or not, and what is no UTF-8 is left to Python."""
    for size in (0, 1, 7, 8, 1023, 1024, 1025, 65535, 65536):
        for text in (u"x" * size, (u"\u20ac" * size)[:size // 3]):
            data = frame(0x81, utf8.encode(text), b"mask")
            assert connect("server").receive_message(data) == text
    for wrong in (b"\xff", b"\xed\xa0\x80", b"x" * 2000 + b"\xc3"):
        assert connect("server").receive_message(frame(0x81, wrong, b"mask")) is None


def test_a_length_that_is_not_minimal_is_left_to_python():
    """RFC 6455 section 5.2; C29: as long as a frame whose length it would be, or not."""
    for role, key in (("server", b"mask"), ("client", b"")):
        for size in range(118, 140):
            head = b"\x82" + (b"\xfe" if key else b"\x7e") + b"\0" + bytes([size])
            message = connect(role).receive_message(head + key + bytes(size))
            assert (message is not None) == (size >= 126), size
            assert connect(role).receive_message(head + key + bytes(size + 2)) is None
            assert connect(role).receive_message(head + key + bytes(size - 2)) is None
