"""What the integration tests share: a test case around `wire.RawPeer`, which speaks raw bytes.

A test is a generator under `async_test`; peers and server live on the test's own IOLoop, over
real sockets::

    class EchoTest(WebSocketCase):
        @async_test
        def test_text(self):
            peer = yield self.open_raw(Echo)               # a handler class; the 101 has been read
            peer.send(h("81 85 37fa213d 7f9f4d5158"))      # the same as frame(0x81, b"Hello")
            self.assertEqual((yield peer.read(7)), h("81 05 48656c6c6f"))
            self.assertEqual((yield peer.read_frame()), (0x81, b"Hello"))
            yield until(lambda: self.notes)                # turns the loop, no sleep

Handlers that derive from `Noted` write what happens to them into ``self.notes`` of the case; the
last one is ``self.handler`` (held weakly). A warning or error in any log but ``tornado.access``
fails the test unless it is claimed: ``self.claim_logs("tornado.application", "Uncaught")``.
"""
from __future__ import absolute_import, division, print_function

import collections
import logging
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import weakref

from tornado import gen, testing
from tornado.concurrent import Future
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application
from wire import HANDSHAKE, RawPeer

from tornado_ws import websocket

TIMEOUT = float(os.environ.get("ASYNC_TEST_TIMEOUT", 60))
"""Seconds after which a test that hangs fails; no test depends on them."""

EAGER_TURNS = 30
"""How many turns of the IOLoop `until` makes before it takes rests of a millisecond."""

THREAD_SELECTS = os.environ.get("TORNADO_WS_LOOP") == "selector"
"""Whether a turn of the IOLoop may end before its sockets were looked at."""

WRONG_LIMITS = [
    ("%s_%d" % (name, i), name, value)
    for name in ("ping_interval", "ping_timeout", "max_message_size", "close_timeout",
                 "max_buffered_amount")
    for i, value in enumerate((-1, float("nan"), "5"))]
"""Rows of `each`: the name of a time or limit, and what is no number from 0."""

async_test = testing.gen_test(timeout=TIMEOUT)


@gen.coroutine
def until(condition):
    """Turn the IOLoop until ``condition()`` is true, and return its value.

    What takes long does not take the processor from tests that run at the same time.
    """
    value, turned = condition(), 0
    while not value:
        yield gen.moment if turned < EAGER_TURNS else gen.sleep(0.001)
        value, turned = condition(), turned + 1
    raise gen.Return(value)


@gen.coroutine
def turns(count):
    """Turn the IOLoop ``count`` times; each time the sockets are looked at, by a thread as well."""
    for _ in range(count):
        yield gen.moment
        if THREAD_SELECTS:
            yield _sockets_looked_at()


@gen.coroutine
def _sockets_looked_at():
    """Wait until a byte has come back through the thread that waits for the sockets."""
    near, far = socket.socketpair()
    seen, loop = Future(), IOLoop.current()
    loop.add_handler(near, lambda *args: seen.done() or seen.set_result(None), IOLoop.READ)
    try:
        far.send(b"x")
        yield seen
    finally:
        loop.remove_handler(near)
        near.close()
        far.close()


class Noted(object):
    """A mixin of handlers: notes each callback, as tuples, in ``notes`` of the test case."""

    def initialize(self):
        self.application.case_handlers.append(weakref.ref(self))

    def note(self, *note):
        self.application.case_notes.append(note)

    def open(self, *args, **kwargs):
        self.note("open")

    def on_message(self, message):
        self.note("message", message)

    def on_ping(self, data):
        self.note("ping", data)

    def on_pong(self, data):
        self.note("pong", data)

    def on_close(self):
        self.note("close", self.close_code, self.close_reason)


_tls_contexts = []


def tls_context():
    """Return the TLS context of a server: a self-signed certificate, made when first wanted."""
    if not _tls_contexts:
        directory = tempfile.mkdtemp()
        try:
            certificate, key = (os.path.join(directory, name) for name in ("cert", "key"))
            subprocess.check_output(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-out", certificate, "-keyout", key],
                stderr=subprocess.STDOUT)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
            _tls_contexts.append(context)
        finally:
            shutil.rmtree(directory)
    return _tls_contexts[0]


LogEntry = collections.namedtuple("LogEntry", "logger level message traceback")


def each(*rows):
    """Make one test of each row: its first item is the end of the name, the others arguments.

    It needs `with_rows` on the class.
    """
    def mark(method):
        method.rows = rows
        return method
    return mark


def with_rows(cls):
    """Make the tests of a class that `each` marks."""
    for name, method in list(vars(cls).items()):
        for row in getattr(method, "rows", ()):
            def test(self, method=method, arguments=row[1:]):
                return method(self, *arguments)
            test.__name__ = "%s_%s" % (name, row[0])
            test.__doc__ = method.__doc__
            assert not hasattr(cls, test.__name__), test.__name__
            setattr(cls, test.__name__, test)
        if hasattr(method, "rows"):
            delattr(cls, name)
    return cls


class LogRecorder(logging.Handler):
    """Keeps what was logged as text, and leaves no more to others: exceptions have frames, and
    those keep handlers alive.
    """

    def __init__(self):
        logging.Handler.__init__(self)
        self.entries = []

    def emit(self, record):
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        record.msg, record.args = record.getMessage(), None
        self.entries.append(LogEntry(
            record.name, record.levelno, record.getMessage(), record.exc_text))


class OtherLoop(object):
    """A server of the same application, on a loop that another thread runs."""

    def __init__(self, application):
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(application,))
        self.thread.daemon = True
        self.thread.start()
        self.started.wait(TIMEOUT)

    def _run(self, application):
        self.io_loop = IOLoop(make_current=True)
        server = HTTPServer(application)
        sock, self.port = testing.bind_unused_port()
        server.add_sockets([sock])
        self.io_loop.add_callback(self.started.set)
        self.io_loop.start()
        self.io_loop.run_sync(lambda: turns(20))  # requests end
        server.stop()
        self.io_loop.close(all_fds=True)

    def stop(self):
        self.io_loop.add_callback(self.io_loop.stop)
        self.thread.join()


class WebSocketCase(testing.AsyncHTTPTestCase):
    """Runs an application to which each test adds its handlers.

    Attributes:
        tls: Whether the server speaks TLS.
        settings: Of the application.
        server_options: Of the HTTPServer.
        websocket: The module whose client `connect` uses.
        notes: What `Noted` handlers noted.
        log: A `LogRecorder`, which has everything from debug level up.
    """

    tls = False
    settings = {}
    server_options = {}
    websocket = websocket
    runTest = None  # pytest makes an instance without a test: Tornado < 6.4 needs the name

    def get_app(self):
        application = Application([], **self.settings)
        application.case_notes = self.notes = []
        application.case_handlers = []
        return application

    def get_httpserver_options(self):
        options = dict(self.server_options)
        if self.tls:
            options["ssl_options"] = tls_context()
        return options

    def setUp(self):
        self.log = LogRecorder()
        self._loggers = [logging.getLogger(name) for name in ("tornado", "asyncio")]
        self._levels = [logger.level for logger in self._loggers]
        for logger in self._loggers:
            logger.addHandler(self.log)
            logger.setLevel(logging.DEBUG)
        self._closing = []
        super(WebSocketCase, self).setUp()

    def tearDown(self):
        for peer in self._closing:
            peer.close()
        try:
            super(WebSocketCase, self).tearDown()
        finally:
            for logger, level in zip(self._loggers, self._levels):
                logger.removeHandler(self.log)
                logger.setLevel(level)
        self.assertEqual([], [entry for entry in self.log.entries
                              if entry.level >= logging.WARNING
                              and entry.logger != "tornado.access"
                              and "[SSL: " not in entry.message])  # an end without farewell

    def claim_logs(self, logger, text=""):
        """Take log entries of a logger whose message has a text; at least one has to be there."""
        claimed = [entry for entry in self.log.entries
                   if entry.logger == logger and text in entry.message]
        self.assertTrue(claimed, "nothing like %r in %r" % (text, self.log.entries))
        self.log.entries = [entry for entry in self.log.entries if entry not in claimed]
        return claimed

    def patch(self, module, name, value):
        """Give a constant of a module another value for the time of the test."""
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    @property
    def handler(self):
        """The `Noted` handler that was made last; None when it is freed."""
        return self._app.case_handlers[-1]()

    def add(self, handler_class, groups=""):
        """Add a handler class and return its path; ``groups`` is appended to the pattern."""
        self._paths = getattr(self, "_paths", 0) + 1
        path = "/%d" % self._paths
        self._app.add_handlers(".*$", [(path + groups, handler_class)])
        return path

    @gen.coroutine
    def connect_raw(self, port=None, **kwargs):
        """Connect a `RawPeer` to the server; arguments as in ``RawPeer.connect``."""
        peer = yield RawPeer.connect(port or self.get_http_port(), self.tls, **kwargs)
        self._closing.append(peer)
        raise gen.Return(peer)

    @gen.coroutine
    def open_raw(self, handler_class, headers=(), after=b"", **kwargs):
        """Connect a `RawPeer` and read the 101; its head is ``peer.response``.

        ``headers`` are added to the handshake's, ``after`` goes in the same segment.
        """
        peer = yield self.connect_raw(**kwargs)
        path = handler_class if isinstance(handler_class, str) else self.add(handler_class)
        peer.send_request(path, HANDSHAKE + tuple(headers), after=after)
        peer.response = yield peer.read_head()
        self.assertEqual(peer.response[0], "HTTP/1.1 101 Switching Protocols")
        raise gen.Return(peer)

    def url(self, path):
        """Return the WebSocket URL of a path."""
        return "%s://127.0.0.1:%d%s" % ("wss" if self.tls else "ws", self.get_http_port(), path)

    @gen.coroutine
    def connect(self, handler_class, **kwargs):
        """Connect the real client; it is closed at the end of the test."""
        request = HTTPRequest(self.url(self.add(handler_class)), validate_cert=False)
        client = yield self.websocket.websocket_connect(request, **kwargs)
        self._closing.append(client)
        raise gen.Return(client)
