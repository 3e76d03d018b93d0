"""What a scenario runs on: a fresh IOLoop, a recorder, raw peers that speak the protocol.

A *trace* is a dict of four lists: ``head`` (the HTTP heads that a peer received), ``wire`` (the
frames it received, and the end of the connection), ``app`` (callbacks and results in order) and
``log`` (log records). Two traces of one scenario, one for each module, are equal or their
difference is in ``differential_table.py``. What is random is made plain while it is recorded.
"""
from __future__ import absolute_import, division, print_function

import contextlib
import logging
import re
import time
import traceback

from differential_peer import RawClient, RawServer, shorten
from tornado import gen
from tornado.concurrent import Future
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application

DEADLINE = 15
"""Seconds of real time after which a scenario is ended, and its trace with ``deadline``."""
SETTLE_ITERATIONS = 10
"""Turns of the loop, after a scenario's end, in which a call too many would still be seen."""
MANY_ITERATIONS = 500
"""Turns of the loop in which what needs no timer and no thread has happened."""

CALLBACKS = ("open", "on_message", "on_pong", "on_close")
OWN_LINE = re.compile(r"Connection (closed|lost)")  # about each end (C53): 4.3 has none
LOG_NORMALIZATIONS = (
    (re.compile(r"^(Connection failed: .*) \[/[^\]]*\]$"), r"\1"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"0x[0-9a-f]+"), "0xADDRESS"),
    (re.compile(r"\d+\.\d+ms"), "TIME"),
    (re.compile(r"\nHTTPServerRequest\(.*", re.DOTALL), "\nREQUEST"),
    (re.compile(r"^Future .*exception was never retrieved.*", re.DOTALL),
     "Future exception was never retrieved"),
    (re.compile(r"^Exception in callback .*", re.DOTALL), "Exception in callback CALLBACK"),
)

SCENARIOS = {}
"""Every scenario by its name: a generator function of one :class:`Run`."""


def scenario(function):
    """Register a scenario."""
    if function.__name__ in SCENARIOS:
        raise ValueError("two scenarios are named " + function.__name__)
    SCENARIOS[function.__name__] = function
    return function


def type_name(value):
    """Name a value's type: of the classes it inherits from, the first that is not ours (C4)."""
    for cls in type(value).__mro__:
        if cls.__module__.split(".")[0] != "tornado_ws":
            return cls.__name__


def plain(value):
    """Turn a callback's argument into something that compares by type and content."""
    if isinstance(value, (bytes, bytearray)):
        return ("bytes", shorten(bytes(value)))
    if isinstance(value, type(u"")):
        return ("text", shorten(value.encode("utf-8")))
    if isinstance(value, BaseException):
        return ("exception", type_name(value))
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return sorted((plain(key), plain(item)) for key, item in value.items())
    if value is None or isinstance(value, (bool, int)):
        return value
    return ("object", type_name(value))


class LogRecorder(logging.Handler):
    """Append every log record to the trace: logger, level, message, whether it has a traceback."""

    def __init__(self, trace):
        logging.Handler.__init__(self, logging.DEBUG)
        self._trace = trace

    def emit(self, record):
        """Record one."""
        message = record.getMessage()
        if OWN_LINE.match(message):
            return
        for pattern, replacement in LOG_NORMALIZATIONS:
            message = pattern.sub(replacement, message)
        self._trace.append((record.name, record.levelname, message, bool(record.exc_info)))


@contextlib.contextmanager
def recorded_logs(trace):
    """Record all logs, of every level, while the context lasts."""
    root = logging.getLogger()
    recorder, level = LogRecorder(trace), root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(recorder)


class Run(object):
    """One run of one scenario on one of the two modules.

    Attributes:
        ws: the module under test.
        loop: the run's own IOLoop.
        trace: what happened.
    """

    def __init__(self, module):
        self.ws = module
        self.trace = {"head": [], "wire": [], "app": [], "log": []}
        self._clock_offset = 0
        self._deadline = None
        self._waiters = []
        self._closers = []
        self._first_loop = IOLoop()
        self.loop = IOLoop(make_current=False, time_func=self._now)
        self.port = None

    def _now(self):
        return time.time() + self._clock_offset

    def advance(self, seconds):
        """Let the loop's clock jump, so that timers (not the deadline) come due at once."""
        self.loop.remove_timeout(self._deadline)
        self._clock_offset += seconds
        self._set_deadline()

    def _set_deadline(self):
        self._deadline = self.loop.add_timeout(self.loop.time() + DEADLINE, self._expire)

    def _expire(self):
        self.note("deadline")
        self.loop.stop()

    def note(self, name, *values):
        """Record one event of the application and wake who waits for it."""
        self.trace["app"].append([name] + [plain(value) for value in values])
        for waiter in [item for item in self._waiters if item[0] == name]:
            self._waiters.remove(waiter)
            waiter[1].set_result(None)

    def wait_for(self, name):
        """Return a Future that resolves when the event ``name`` has been noted."""
        future = Future()
        if any(event[0] == name for event in self.trace["app"]):
            future.set_result(None)
        else:
            self._waiters.append((name, future))
        return future

    @gen.coroutine
    def turn_until(self, condition):
        """Let the loop turn until the condition holds, or long enough that it never will."""
        for _ in range(MANY_ITERATIONS):
            if condition():
                return
            yield gen.moment

    def attempt(self, name, function, *args, **kwargs):
        """Call a function; note its result, or the type of what it raises."""
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            self.note(name, error)
        else:
            self.note(name, result)
            return result

    @gen.coroutine
    def outcome(self, name, future):
        """Wait for a Future; note its result, or the type (and HTTP status) of its exception."""
        try:
            result = yield future
        except Exception as error:
            self.note(name, error, getattr(error, "code", None))
        else:
            self.note(name, result)
            raise gen.Return(result)

    def on_end(self, function):
        """Have a function called when the scenario has ended."""
        self._closers.append(function)

    def handler_class(self, **methods):
        """Make a handler class that notes each callback, then does what ``methods`` say.

        Args:
            **methods: for the callbacks, functions of (handler, arguments); other names are put
                into the class as they are.
        """
        def recording(name):
            own = methods.pop(name, None)

            def callback(handler, *args, **kwargs):
                noted = args + ((kwargs,) if kwargs else ())
                if name == "on_close":
                    noted = (handler.close_code, handler.close_reason)
                self.note(name, *noted)
                if own is not None:
                    return own(handler, *args, **kwargs)
            return callback

        members = {name: recording(name) for name in CALLBACKS}
        members.update(methods)
        return type("RecordingHandler", (self.ws.WebSocketHandler,), members)

    def serve(self, handler, **settings):
        """Serve a handler class at ``/``, ``/args/(.*)`` and ``/named/(?P<name>.*)``."""
        sock, self.port = bind_unused_port()
        server = HTTPServer(Application(
            [("/", handler), ("/args/(.*)/(.*)", handler), ("/named/(?P<name>.*)", handler)],
            **settings))
        server.add_sockets([sock])
        self.on_end(server.stop)

    @gen.coroutine
    def connect_raw(self):
        """Connect a :class:`RawClient` to what :meth:`serve` serves."""
        client = RawClient(self.trace)
        self.on_end(client.close)
        yield client.connect(self.port)
        raise gen.Return(client)

    @gen.coroutine
    def open_raw(self, request=None, **methods):
        """Serve a handler with these methods, connect to it, and do the opening handshake.

        Args:
            request: keywords for :meth:`RawClient.handshake`.
            **methods: as for :meth:`handler_class`.
        """
        self.serve(self.handler_class(**methods))
        client = yield self.connect_raw()
        yield client.handshake(**(request or {}))
        yield self.wait_for("open")
        raise gen.Return(client)

    def listen_raw(self):
        """Start a :class:`RawServer`."""
        server = RawServer(self.trace, self.loop)
        self.on_end(server.close)
        self.port = server.port
        return server

    @gen.coroutine
    def connect_ws(self, path="/", **kwargs):
        """Connect the module's client to a fresh :class:`RawServer`; return it and the peer."""
        server = self.listen_raw()
        future = self.ws.websocket_connect(self.url(path), **kwargs)
        peer = yield server.accept()
        yield peer.accept_handshake()
        connection = yield future
        raise gen.Return((connection, peer))

    def url(self, path="/", scheme="ws"):
        """Return the URL of the server."""
        return "%s://127.0.0.1:%d%s" % (scheme, self.port, path)

    @gen.coroutine
    def _main(self, function):
        try:
            yield gen.coroutine(function)(self)
            for _ in range(SETTLE_ITERATIONS):
                yield gen.moment
        except Exception as error:
            self.note("scenario failed", error, traceback.format_exc())
        self.loop.stop()

    def execute(self, function):
        """Run a scenario to its end and return the trace.

        Until the loop starts, another loop is the current one: a scenario may have a part that
        runs before, its attribute ``before``.
        """
        self._first_loop.make_current()
        with recorded_logs(self.trace["log"]):
            try:
                getattr(function, "before", lambda run: None)(self)
                self._set_deadline()
                self.loop.add_callback(self._main, function)
                self.loop.start()
            finally:
                self._close()
        return self.trace

    def _close(self):
        self.loop.make_current()
        for function in reversed(self._closers):
            function()
        IOLoop.clear_current()
        self.loop.close(all_fds=True)
        self._first_loop.close()
