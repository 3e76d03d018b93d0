"""The 101 response and what follows it: contract section 3, C10 to C12."""
from __future__ import absolute_import, division, print_function

import errno

from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from tornado.template import DictLoader
from wire import ACCEPT, HANDSHAKE, frame

from tornado_ws import websocket


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.note("message", message)
        self.write_message(message)


class Decorated(Echo):
    def set_default_headers(self):
        self.set_header("X-Default", "1")
        self.set_header("Content-Type", "application/x-never")

    def prepare(self):
        self.set_header("X-Prepare", u"caf\xe9")
        self.add_header("X-Twice", "a")
        self.add_header("X-Twice", "b")
        self.set_header("Content-Length", "99")
        self.set_cookie("first", "1")

    def check_origin(self, origin):
        self.set_header("X-Origin", origin)
        self.set_cookie("second", "2", path="/p")
        return True

    def select_subprotocol(self, subprotocols):
        self.set_header("X-Subprotocol", "4")
        self.set_cookie("third", "3")
        self.clear_cookie("gone")
        return subprotocols[0]

    def get_compression_options(self):
        return {}


def to_bytes(native):
    return native if str is bytes else native.encode("latin-1")


class ResponseTest(WebSocketCase):

    @async_test
    def test_c10_handshake_headers(self):
        """C10: Upgrade, Connection and Accept; no Content-Type, Content-Length or extension."""
        peer = yield self.open_raw(Echo)
        headers = peer.response[1]
        self.assertEqual(headers["Upgrade"].lower(), "websocket")
        self.assertEqual(headers["Connection"], "Upgrade")
        self.assertEqual(headers["Sec-WebSocket-Accept"], ACCEPT)
        for name in ("Content-Type", "Content-Length", "Transfer-Encoding",
                     "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Set-Cookie"):
            self.assertNotIn(name, headers)

    @async_test
    def test_c10_headers_and_cookies_of_the_application(self):
        """C10: what the app set anywhere before the answer is in it, with all else agreed."""
        peer = yield self.open_raw(Decorated, [
            ("Origin", "http://o.example"), ("Sec-WebSocket-Protocol", "chat"),
            ("Sec-WebSocket-Extensions", "permessage-deflate")])
        headers = peer.response[1]
        for name, values in [
                ("Sec-WebSocket-Protocol", ["chat"]),
                ("Sec-WebSocket-Extensions", ["permessage-deflate"]),
                ("X-Default", ["1"]), ("X-Twice", ["a", "b"]),
                ("X-Origin", ["http://o.example"]), ("X-Subprotocol", ["4"]),
                ("Content-Type", []), ("Content-Length", [])]:
            self.assertEqual((name, headers.get_list(name)), (name, values))
        self.assertIn(to_bytes(headers["X-Prepare"]), (b"caf\xe9", b"caf\xc3\xa9"))
        cookies = sorted(headers.get_list("Set-Cookie"))
        self.assertEqual([cookie.split(";")[0].replace('""', "") for cookie in cookies],
                         ["first=1", "gone=", "second=2", "third=3"])
        self.assertIn("Path=/p", cookies[2])
        self.assertIn("expires=", cookies[1])

    @async_test
    def test_c10_response_ends_where_frames_begin(self):
        """C10: what the server writes in open() follows the response's empty line."""
        class Greeting(Noted, websocket.WebSocketHandler):
            def open(self):
                self.write_message("hi")

        peer = yield self.open_raw(Greeting)
        self.assertEqual((yield peer.read(4)), b"\x81\x02hi")


class ResponseOverTLSTest(ResponseTest):
    """C10 over TLS."""

    tls = True


class InjectedCookie(Echo):
    def prepare(self):
        self.set_cookie("a", "b", domain="x\r\nX-Evil: 1")


@with_rows
class InjectionTest(WebSocketCase):

    @each(("set_header", lambda handler: handler.set_header("X-A", "a\r\nX-Evil: 1")),
          ("add_header", lambda handler: handler.add_header("X-A", "a\r\nX-Evil: 1")),
          ("line_feed", lambda handler: handler.set_header("X-A", "a\nX-Evil: 1")),
          ("carriage_return", lambda handler: handler.set_header("X-A", "a\rX-Evil: 1")),
          ("zero", lambda handler: handler.set_header("X-A", "a\0")),
          ("name", lambda handler: handler.set_header("X-A: 1\r\nX-Evil", "1")),
          ("name_with_space", lambda handler: handler.set_header("X Evil", "1")),
          ("no_checks", lambda handler: handler._headers.add("X-A", "a\r\nX-Evil: 1")))
    @async_test
    def test_c10_header(self, act):
        """C10: a header that would end the line or the name gives 500, not another header."""
        class Injecting(Echo):
            def prepare(self):
                if self.request.headers.get("X-Act"):
                    act(self)

        path = self.add(Injecting)
        peer = yield self.connect_raw()
        peer.send_request(path, HANDSHAKE + (("X-Act", "1"),))
        status, headers, _ = yield peer.read_response()
        self.assertEqual(status, 500)
        self.assertNotIn("X-Evil", headers)
        self.assertEqual(self.notes, [])
        self.claim_logs("tornado.application", "Uncaught exception")
        peer.send_request(path)
        self.assertIn(" 101 ", (yield peer.read_head())[0])

    @async_test
    def test_c10_cookie(self):
        """C10: a cookie attribute with a line end switches to nothing and injects nothing."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(InjectedCookie))
        yield until(lambda: self.log.entries)
        peer.finish()
        data = yield peer.read_rest()
        self.assertNotIn(b" 101 ", data)
        self.assertNotIn(b"\r\nX-Evil", data)
        self.assertEqual(self.notes, [])
        self.claim_logs("tornado.application")


class Trying(Echo):
    def open(self):
        for name, args in [
                ("write", ("x",)), ("redirect", ("/",)), ("set_header", ("X-A", "a")),
                ("set_cookie", ("a", "b")), ("set_status", (404,)), ("flush", ()),
                ("finish", ()), ("finish", ("x",)), ("render", ("page",))]:
            try:
                getattr(self, name)(*args)
            except RuntimeError as error:
                self.note(name, str(error))


class UnsupportedMethodsTest(WebSocketCase):

    settings = {"template_loader": DictLoader({"page": "text"})}

    @async_test
    def test_c11(self):
        """C11: HTTP's methods raise RuntimeError after the handshake and send nothing."""
        peer = yield self.open_raw(Trying)
        peer.send(frame(0x81, b"works"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"works"))
        message = "Method not supported for Web Sockets"
        self.assertEqual(self.notes, [(name, message) for name in (
            "write", "redirect", "set_header", "set_cookie", "set_status", "flush", "finish",
            "finish", "render")] + [("message", "works")])

    @async_test
    def test_c11_before_the_handshake(self):
        """C11: before it they work: prepare() may redirect."""
        class Moved(Echo):
            def prepare(self):
                self.redirect("/elsewhere")

        peer = yield self.connect_raw()
        peer.send_request(self.add(Moved))
        status, headers, _ = yield peer.read_response()
        self.assertEqual((status, headers["Location"]), (302, "/elsewhere"))


class Arguments(Echo):
    def open(self, *args, **kwargs):
        self.note("open", args, kwargs)


class SlowPrepare(Echo):
    @gen.coroutine
    def prepare(self):
        yield turns(20)
        self.note("prepared")


class OpenTest(WebSocketCase):

    @async_test
    def test_c12_groups(self):
        """C12: open() gets the groups of the URLSpec, positional or named."""
        path = self.add(Arguments, "/([^/]+)/([^/]*)")
        peer = yield self.open_raw_at(path + "/a/b%20c")
        path = self.add(Arguments, "/(?P<one>[^/]+)/(?P<two>[^/]+)")
        yield self.open_raw_at(path + "/x/y")
        self.assertEqual(self.notes, [("open", ("a", "b c"), {}),
                                      ("open", (), {"one": "x", "two": "y"})])
        self.assertEqual((self.handler.open_args, self.handler.open_kwargs),
                         ((), {"one": "x", "two": "y"}))
        peer.close()

    def open_raw_at(self, path):
        return self.open_raw(str(path))

    @async_test
    def test_c12_frames_with_the_handshake(self):
        """C12: frames in the handshake's TCP segment are delivered after open()."""
        peer = yield self.open_raw(Echo, after=frame(0x81, b"1") + frame(0x81, b"2")[:3])
        self.assertEqual((yield peer.read_frame()), (0x81, b"1"))
        peer.send(frame(0x81, b"2")[3:])
        self.assertEqual((yield peer.read_frame()), (0x81, b"2"))
        self.assertEqual(self.notes, [("open",), ("message", "1"), ("message", "2")])

    @async_test
    def test_c12_frames_while_prepare_waits(self):
        """C12: the same while prepare() is asynchronous, with frames before, during and after."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(SlowPrepare), after=frame(0x81, b"1"))
        yield turns(8)
        peer.send(frame(0x81, b"2"))
        yield peer.read_head()
        peer.send(frame(0x81, b"3"))
        for payload in (b"1", b"2", b"3"):
            self.assertEqual((yield peer.read_frame()), (0x81, payload))
        self.assertEqual(self.notes[:3], [("prepared",), ("open",), ("message", "1")])

    @async_test
    def test_c12_peer_leaves_while_prepare_waits(self):
        """C12, C26: without open() there is no on_close(); nothing is logged as an error."""
        class Silent(SlowPrepare):
            def on_message(self, message):
                self.note("message", message)

        peer = yield self.connect_raw()
        peer.send_request(self.add(Silent), after=frame(0x81, b"1"))
        yield turns(8)
        peer.reset()
        yield until(lambda: ("prepared",) in self.notes)
        yield turns(10)
        self.assertIn(self.notes[1:], ([], [("open",), ("message", "1"), ("close", None, None)]))

    @async_test
    def test_c12_exception(self):
        """C12: an exception in open() is logged and ends the connection; on_close() runs."""
        class Failing(Echo):
            def open(self):
                self.write_message("before")
                raise IOError(errno.EIO, "failed in open")

        peer = yield self.open_raw(Failing, after=frame(0x81, b"never delivered"))
        self.assertEqual((yield peer.read_frames()), [(0x81, b"before"), (0x88, b"\x03\xf3")])
        peer.close()
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", None, None)])
        entry, = self.claim_logs("tornado.application", "/1")
        self.assertIn("failed in open", entry.traceback)

    @async_test
    def test_c12_exception_in_the_future(self):
        """C12: the same for a coroutine that fails later."""
        class Failing(Echo):
            @gen.coroutine
            def open(self):
                yield turns(3)
                raise IOError(errno.EIO, "failed in open")

        peer = yield self.open_raw(Failing)
        self.assertEqual((yield peer.read_frames()), [(0x88, b"\x03\xf3")])
        peer.close()
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", None, None)])
        entry, = self.claim_logs("tornado.application", "/1")
        self.assertIn("failed in open", entry.traceback)

    @async_test
    def test_c20_future_of_open_holds_nothing_back(self):
        """C20: messages are delivered while a Future that open() returned is not done."""
        release = Future()

        class Waiting(Echo):
            @gen.coroutine
            def open(self):
                yield release
                self.note("opened")

        peer = yield self.open_raw(Waiting, after=frame(0x81, b"early"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"early"))
        release.set_result(None)
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes, [("message", "early"), ("opened",)])

    @async_test
    def test_c12_close_in_open(self):
        """C12, C24: open() may close; frames that came with the handshake are dropped."""
        class Closing(Echo):
            def open(self):
                self.close(4000, "no")

        peer = yield self.open_raw(Closing)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x0f\xa0no"))
        peer.send(frame(0x88, b"\x0f\xa0"))
        self.assertEqual((yield peer.read_rest()), b"")
        self.assertEqual(self.notes, [("close", 4000, None)])
