"""Where Tornado's versions disagree: every row of the contract's section 11, three times.

Once for ``tornado_ws.websocket``, which has 4.3's rules on every Tornado; once for the module that
`tornado_ws.install` puts in place, which has the rules of the installed one; and once for
Tornado's own module, which proves that the rules are read off rightly.
"""
from __future__ import absolute_import, division, print_function

import collections
import gc
import struct

import tornado
from installed import installed, stock
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from wire import HANDSHAKE, frame

from tornado_ws import websocket

MIB = 1024 * 1024

Rules = collections.namedtuple("Rules", [
    "serial_messages",   # a Future from on_message holds back the next message
    "serial_open",       # a Future from open holds back the first message
    "limit",             # the default message limit in bytes
    "versions",          # of the protocol that a server speaks
    "fetch_site",        # Sec-Fetch-Site is looked at before the origin
    "default_timeout",   # of pings: a function of the interval
    "capped_timeout",    # whether it is at most the interval
    "logs_handshake",    # the 101 has its line in the access log
    "ends_request",      # and is a finished response: on_finish is called
    "own_log_exception",  # exceptions of callbacks go through the handler's log_exception
    "get_waits",         # the Future of get is done when the connection is closed
])


def interval_itself(interval):
    return interval


TORNADO_4_3 = Rules(
    serial_messages=False, serial_open=False, limit=100 * MIB, versions=("13", "8", "7"),
    fetch_site=False, default_timeout=interval_itself, capped_timeout=False,
    logs_handshake=False, ends_request=False, own_log_exception=False,
    get_waits=False)


def installed_rules(version):
    rules = TORNADO_4_3
    if version >= (4, 5):
        rules = rules._replace(serial_messages=True, limit=10 * MIB, logs_handshake=True,
                               ends_request=True,
                               default_timeout=lambda interval: max(3 * interval, 30))
    if version >= (5, 1):
        rules = rules._replace(serial_open=True, own_log_exception=True)
    if version >= (6,):
        rules = rules._replace(get_waits=True)
    if version >= (6, 5):
        rules = rules._replace(default_timeout=interval_itself, capped_timeout=True)
    if version >= (6, 6):
        rules = rules._replace(versions=("13",), fetch_site=True)
    return rules


class RulesCase(WebSocketCase):
    """Runs a handler class of ``self.websocket`` against raw bytes."""

    rules = TORNADO_4_3

    def handler_class(self, **methods):
        """Make a `Noted` handler class with methods."""
        def on_message(handler, message):
            handler.note("message", message)
        return type("Handler", (Noted, self.websocket.WebSocketHandler),
                    dict({"on_message": on_message}, **methods))

    @gen.coroutine
    def handshake(self, handler_class, headers=(), version="13"):
        """Send a handshake; return the peer, the status and the response's headers."""
        peer = yield self.connect_raw()
        wanted = [item for item in HANDSHAKE if item[0] != "Sec-WebSocket-Version"]
        wanted.append(("Sec-WebSocket-Version", version))
        peer.send_request(self.add(handler_class), wanted + list(headers))
        first, response = yield peer.read_head()
        raise gen.Return((peer, int(first.split()[1]), response))

    @gen.coroutine
    def handler_with(self, **attributes):
        """Open a connection to a handler with these attributes; return the handler."""
        yield self.open_raw(self.handler_class(**attributes))
        raise gen.Return(self.handler)


@with_rows
class _Tests(object):
    # on_message and open

    @async_test
    def test_a_future_from_on_message(self):
        gate = Future()

        @gen.coroutine
        def on_message(handler, message):
            handler.note("start", message)
            yield gate
            handler.note("end", message)
        peer = yield self.open_raw(self.handler_class(on_message=on_message))
        peer.send(frame(0x81, b"a"), frame(0x81, b"b"))
        yield until(lambda: ("start", u"a") in self.notes)
        yield turns(20)
        self.assertEqual(("start", u"b") in self.notes, not self.rules.serial_messages)
        gate.set_result(None)
        yield until(lambda: ("end", u"b") in self.notes)
        if self.rules.serial_messages:
            self.assertEqual(self.notes[1:], [("start", u"a"), ("end", u"a"),
                                              ("start", u"b"), ("end", u"b")])

    @async_test
    def test_a_future_from_open(self):
        gate = Future()

        @gen.coroutine
        def open(handler):
            handler.note("start")
            yield gate
            handler.note("end")
        peer = yield self.open_raw(self.handler_class(open=open), after=frame(0x81, b"a"))
        yield until(lambda: ("start",) in self.notes)
        yield turns(20)
        self.assertEqual(("message", u"a") in self.notes, not self.rules.serial_open)
        gate.set_result(None)
        yield until(lambda: ("end",) in self.notes and ("message", u"a") in self.notes)
        if self.rules.serial_open:
            self.assertEqual(self.notes, [("start",), ("end",), ("message", u"a")])
        peer.close()

    # The handshake

    @each(("7", "7"), ("8", "8"), ("13", "13"))
    @async_test
    def test_version(self, version):
        peer, status, headers = yield self.handshake(self.handler_class(), version=version)
        spoken = version in self.rules.versions
        self.assertEqual(status, 101 if spoken else 426)
        if not spoken:
            self.assertEqual(headers["Sec-WebSocket-Version"].split(", "),
                             list(self.rules.versions))

    @each(
        ("same_host_without", None, True, True, True),
        ("same_host_same_origin", "same-origin", True, True, True),
        ("same_host_cross_site", "cross-site", True, True, False),
        ("other_host_without", None, False, False, False),
        ("other_host_same_origin", "same-origin", False, False, True),
        ("other_host_none", "none", False, False, True),
        ("other_host_same_site", "same-site", False, False, False),
        ("other_host_cross_site", "cross-site", False, False, False),
        ("no_origin_cross_site", "cross-site", None, True, False),
        ("no_origin", None, None, True, True),
    )
    @async_test
    def test_same_origin(self, site, same_host, by_origin, by_site):
        """Whether the rule asks Sec-Fetch-Site, or check_origin decides alone."""
        headers = [] if site is None else [("Sec-Fetch-Site", site)]
        if same_host is not None:
            host = "127.0.0.1:%d" % self.get_http_port() if same_host else "evil.example"
            headers.append(("Origin", "http://" + host))
        _, status, _ = yield self.handshake(self.handler_class(), headers)
        allowed = by_site if self.rules.fetch_site else by_origin
        self.assertEqual(status, 101 if allowed else 403)

    @async_test
    def test_check_origin_is_asked(self):
        """An override that refuses all: for its own host it is asked only by 4.3's rule."""
        handler_class = self.handler_class(check_origin=lambda handler, origin: False)
        own = "http://127.0.0.1:%d" % self.get_http_port()
        _, status, _ = yield self.handshake(handler_class, [("Origin", own)])
        self.assertEqual(status, 101 if self.rules.fetch_site else 403)
        _, status, _ = yield self.handshake(handler_class, [("Origin", "http://evil.example")])
        self.assertEqual(status, 403)

    @async_test
    def test_trusted_origins(self):
        """C56: the setting of 6.6, before which it means nothing; what is imported has it too."""
        known = self.rules.fetch_site or self.websocket is websocket
        self._app.settings["trusted_origins"] = ["https://friend.example"]
        for origin, allowed in (("https://friend.example", known),
                                ("https://evil.example", False)):
            _, status, _ = yield self.handshake(self.handler_class(), [("Origin", origin)])
            self.assertEqual(status, 101 if allowed else 403)

    @async_test
    def test_the_access_log_line_of_the_101(self):
        """From 4.5 on the 101 is a finished response: logged, and on_finish is called.

        What is imported has the line, and no on_finish: the request goes on.
        """
        yield self.open_raw(self.handler_class(
            on_finish=lambda handler: handler.note("on_finish")))
        yield turns(5)
        lines = [entry.message for entry in self.log.entries if entry.logger == "tornado.access"]
        self.assertEqual(len([line for line in lines if line.startswith("101 GET /1")]),
                         1 if self.rules.logs_handshake else 0)
        self.assertEqual(("on_finish",) in self.notes, self.rules.ends_request)

    @async_test
    def test_get_that_is_not_awaited(self):
        """C6: a 4.3 subclass calls ``super().get(...)`` and returns nothing; it works."""
        handler_class = self.handler_class()
        if self.websocket is stock and self.rules.get_waits:
            return  # stock 6.x never starts such a handler

        class Subclass(handler_class):
            def get(self, *args, **kwargs):
                self.note("get")
                super(Subclass, self).get(*args, **kwargs)
        peer = yield self.open_raw(Subclass)
        peer.send(frame(0x81, b"a"))
        yield until(lambda: ("message", u"a") in self.notes)
        self.assertEqual(self.notes, [("get",), ("open",), ("message", u"a")])

    @async_test
    def test_get_that_is_awaited(self):
        """A coroutine that waits for ``super().get()`` goes on at once, or at the close."""
        handler_class = self.handler_class()

        class Subclass(handler_class):
            @gen.coroutine
            def get(self, *args, **kwargs):
                result = super(Subclass, self).get(*args, **kwargs)
                if result is not None:
                    yield result
                self.note("get is done")
        peer = yield self.open_raw(Subclass)
        peer.send(frame(0x81, b"a"))
        yield until(lambda: ("message", u"a") in self.notes)
        yield turns(5)
        self.assertEqual(("get is done",) in self.notes, not self.rules.get_waits)
        peer.send(frame(0x88, b"\x03\xe8"))
        yield until(lambda: ("get is done",) in self.notes and ("close", 1000, None) in self.notes)

    # Errors

    @each(("on_message", "on_message"), ("open", "open"))
    @async_test
    def test_log_exception(self, name):
        """Whether the handler's own log_exception is told of an exception in a callback."""
        def fail(handler, *args):
            raise LookupError("in a callback")

        def log_exception(handler, kind, value, traceback):
            handler.note("log_exception", kind, str(value))
        peer = yield self.open_raw(self.handler_class(**{
            name: fail, "log_exception": log_exception}), after=frame(0x81, b"a"))
        yield peer.read_rest()
        told = ("log_exception", LookupError, "in a callback")
        if self.rules.own_log_exception:
            yield until(lambda: told in self.notes)
        else:
            yield until(lambda: ("close", None, None) in self.notes)
            self.assertNotIn(told, self.notes)
            entry, = self.claim_logs("tornado.application", "Uncaught exception in /1")
            self.assertIn("LookupError", entry.traceback)

    # Limits and pings

    @async_test
    def test_the_default_limit(self):
        """Shown by the length that a frame announces; the payload need not come."""
        for size, refused in ((self.rules.limit, False), (self.rules.limit + 1, True)):
            peer = yield self.open_raw(self.handler_class())
            peer.send(b"\x82\xff" + struct.pack("!Q", size) + b"mask" + b"x" * 10)
            if refused:
                self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")
            else:
                yield turns(10)
                self.handler.write_message(u"still here")
                self.assertEqual((yield peer.read_frame()), (0x81, b"still here"))

    @each(("short", 3), ("long", 1000))
    @async_test
    def test_the_default_ping_timeout(self, interval):
        handler = yield self.handler_with(ping_interval=interval)
        self.assertEqual(handler.ws_connection.ping_timeout, self.rules.default_timeout(interval))

    @each(("longer", 100, 250), ("shorter", 100, 50), ("zero", 100, 0))
    @async_test
    def test_the_ping_timeout(self, interval, timeout):
        """C37: allowed to be longer than the interval, but from 6.5 on, with a warning."""
        self._app.settings.update(websocket_ping_interval=interval, websocket_ping_timeout=timeout)
        handler = yield self.handler_with()
        capped = self.rules.capped_timeout and timeout > interval
        self.assertEqual(handler.ws_connection.ping_timeout, interval if capped else timeout)
        if capped:
            self.claim_logs("tornado.general", "ping_timeout")


class ImportTest(_Tests, RulesCase):
    websocket = websocket
    # What 4.3 does not have, and who moves from a later Tornado by changing the import would miss.
    rules = TORNADO_4_3._replace(logs_handshake=tornado.version_info >= (4, 5),
                                 own_log_exception=tornado.version_info >= (5, 1))


class InstalledTest(_Tests, RulesCase):
    websocket = installed
    rules = installed_rules(tornado.version_info)


class StockTest(_Tests, RulesCase):
    """The control. What stock cannot do at all is not asked of it."""

    websocket = stock
    rules = installed_rules(tornado.version_info)

    def tearDown(self):
        gc.collect()  # what it leaves behind speaks here, not in the next test
        self.log.entries = [entry for entry in self.log.entries if entry.logger != "asyncio"]
        super(StockTest, self).tearDown()

    if tornado.version_info < (4, 5):
        # Tornado < 4.5 has no pings of its own, and no limit but the stream's.
        test_the_default_limit = None
        test_the_default_ping_timeout_short = test_the_default_ping_timeout_long = None
        test_the_ping_timeout_longer = test_the_ping_timeout_shorter = None
        test_the_ping_timeout_zero = None
