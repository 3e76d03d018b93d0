"""What a server does with a request for a WebSocket: contract section 3, C6 to C9."""
from __future__ import absolute_import, division, print_function

import base64

import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, with_rows
from tornado import gen, web
from wire import ACCEPT, HANDSHAKE, KEY, frame

from tornado_ws import websocket


class Echo(Noted, websocket.WebSocketHandler):
    def set_default_headers(self):
        self.set_header("X-App", "here")

    def on_message(self, message):
        self.write_message(message)


def handshake(**changes):
    """Return the handshake's headers with some of them changed, or left out if None."""
    changes = {name.replace("_", "-"): value for name, value in changes.items()}
    items = [(name, changes.pop(name, value)) for name, value in HANDSHAKE]
    return [(name, value) for name, value in items + sorted(changes.items()) if value is not None]


def base64_of(size):
    return base64.b64encode(b"k" * size).decode("ascii")


@with_rows
class RefusalTest(WebSocketCase):
    """A refusal is an ordinary response with the application's headers; the socket lives on."""

    @gen.coroutine
    def check_refused(self, headers, status, body, handler_class=Echo, **kwargs):
        peer = yield self.connect_raw()
        path = self.add(handler_class)
        peer.send_request(path, headers, **kwargs)
        response = yield peer.read_response()
        self.assertEqual((response[0], response[2]), (status, body))
        self.assertEqual(response[1]["X-App"], "here")
        self.assertNotIn("Upgrade", response[1])
        self.assertEqual(self.notes, [])
        peer.send_request(path)
        first, headers = yield peer.read_head()
        self.assertIn(" 101 ", first)
        self.assertEqual(headers["Sec-WebSocket-Accept"], ACCEPT)
        peer.send(frame(0x81, b"works"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"works"))
        raise gen.Return(response[1])

    @each(("missing", None), ("empty", ""), ("other", "h2c"), ("longer", "websockets"))
    @async_test
    def test_c6_upgrade(self, value):
        """C6: 400 without ``Upgrade: websocket``; a second request on the socket is answered."""
        yield self.check_refused(handshake(Upgrade=value), 400,
                                 b'Can "Upgrade" only to "WebSocket".')

    @each(("missing", None), ("keep_alive", "keep-alive"), ("longer", "upgraded"),
          ("two_words", "not upgrade"))
    @async_test
    def test_c6_connection(self, value):
        """C6: 400 without the token ``upgrade`` in ``Connection``."""
        yield self.check_refused(handshake(Connection=value), 400,
                                 b'"Connection" must be "Upgrade".')

    @each(("missing", None), ("empty", ""), ("too_short", base64_of(15)),
          ("too_long", base64_of(17)), ("no_base64", "!" * 22 + "=="), ("no_padding", KEY[:-2]),
          ("two_keys", KEY + ", " + KEY))
    @async_test
    def test_c7_key(self, value):
        """C7: 400 unless ``Sec-WebSocket-Key`` is base64 of 16 bytes."""
        yield self.check_refused(handshake(Sec_WebSocket_Key=value), 400,
                                 b"Missing/Invalid WebSocket headers")

    @each(("missing", None), ("empty", ""), ("draft_6", "6"), ("draft_9", "9"), ("next", "14"),
          ("word", "thirteen"), ("list", "13, 8"))
    @async_test
    def test_c7_version(self, value):
        """C7: 426 with the versions that are spoken, for any other version."""
        headers = yield self.check_refused(handshake(Sec_WebSocket_Version=value), 426,
                                           b"WebSocket version not supported")
        self.assertEqual(headers["Sec-WebSocket-Version"], "13, 8, 7")

    @each(("space", "a b"), ("user", "user@host"), ("path", "host/path"))
    @async_test
    def test_c7_malformed_host(self, host):
        """C7: a malformed ``Host`` is answered with 400."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Host=host), host=False)
        self.assertEqual((yield peer.read_response())[0], 400)

    @async_test
    def test_c7_missing_host(self):
        """C7: a missing ``Host`` is answered with 400."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), host=False)
        self.assertEqual((yield peer.read_response())[0], 400)

    @async_test
    def test_c6_c8_cross_origin(self):
        """C6, C8: 403 when check_origin refuses."""
        yield self.check_refused(handshake(Origin="http://evil.example"), 403,
                                 b"Cross origin websockets not allowed")

    @async_test
    def test_c7_prepare_may_refuse(self):
        """C7: prepare() answers with an HTTP response of its own; get() is not reached."""
        class Private(Echo):
            def prepare(self):
                if not self.request.headers.get("X-Key"):
                    self.set_status(401)
                    self.finish("who are you?")

        path = self.add(Private)
        peer = yield self.connect_raw()
        peer.send_request(path)
        status, _, body = yield peer.read_response()
        self.assertEqual((status, body), (401, b"who are you?"))
        peer.send_request(path, handshake(X_Key="me"))
        self.assertIn(" 101 ", (yield peer.read_head())[0])

    @async_test
    def test_c6_other_methods(self):
        """C6: a WebSocket opens with GET; POST is 405 as for any handler."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Content_Length="0"), method="POST")
        self.assertEqual((yield peer.read_response())[0], 405)


@with_rows
class AcceptTest(WebSocketCase):

    @each(("lower", "websocket", "upgrade"), ("mixed", "WebSocket", "Upgrade"),
          ("upper", "WEBSOCKET", "UPGRADE"), ("list", "websocket", "keep-alive, Upgrade"),
          ("tight_list", "websocket", "keep-alive,\tupgrade ,x"))
    @async_test
    def test_c6_case_and_lists(self, upgrade, connection):
        """C6: ``Upgrade`` in any case; ``Connection`` is a comma list, in any case."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Upgrade=upgrade, Connection=connection))
        self.assertIn(" 101 ", (yield peer.read_head())[0])

    @each(("7", "7"), ("8", "8"), ("13", "13"))
    @async_test
    def test_c7_versions(self, version):
        """C7: versions 7, 8 and 13 are spoken, with the same frames."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Sec_WebSocket_Version=version))
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        peer.send(frame(0x81, b"works"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"works"))


class AcceptOverTLSTest(AcceptTest):
    """C6, C7 over TLS."""

    tls = True


class PlainGet(Echo):
    def get(self, *args, **kwargs):
        self.note("get", args)
        super(PlainGet, self).get(*args, **kwargs)


class CoroutineGet(Echo):
    @gen.coroutine
    def get(self, *args, **kwargs):
        yield turns(3)
        self.note("get", args)
        super(CoroutineGet, self).get(*args, **kwargs)


class CoroutineGetThatGoesOn(Echo):
    @gen.coroutine
    def get(self, *args, **kwargs):
        self.note("get", args)
        super(CoroutineGetThatGoesOn, self).get(*args, **kwargs)
        yield turns(3)


class ReturningGet(Echo):
    def get(self, *args, **kwargs):
        self.note("get", args)
        return super(ReturningGet, self).get(*args, **kwargs)


class AsynchronousGet(Echo):
    def get(self, *args, **kwargs):
        self.note("get", args)
        super(AsynchronousGet, self).get(*args, **kwargs)

    if tornado.version_info < (6,):  # the decorator is gone in Tornado 6
        get = web.asynchronous(get)


@with_rows
class OverriddenGetTest(WebSocketCase):

    @each(("plain", PlainGet), ("coroutine", CoroutineGet), ("going_on", CoroutineGetThatGoesOn),
          ("returning", ReturningGet), ("asynchronous", AsynchronousGet))
    @async_test
    def test_c6_get_calls_super(self, handler_class):
        """C6: get() calls super().get() without returning or awaiting the result."""
        path = self.add(handler_class, "(.*)")
        peer = yield self.connect_raw()
        peer.send_request(path + "x", after=frame(0x81, b"early"))
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        self.assertEqual((yield peer.read_frame()), (0x81, b"early"))
        yield turns(5)  # whatever Tornado does when get() is done must leave us alone
        peer.send(frame(0x81, b"late"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"late"))
        self.assertEqual(self.notes, [("get", ("x",)), ("open",)])

    @each(("plain", PlainGet), ("coroutine", CoroutineGet), ("going_on", CoroutineGetThatGoesOn),
          ("returning", ReturningGet), ("asynchronous", AsynchronousGet))
    @async_test
    def test_c6_get_is_refused(self, handler_class):
        """C6: the same when the request is refused; the next request is answered."""
        path = self.add(handler_class, "(.*)")
        peer = yield self.connect_raw()
        peer.send_request(path, handshake(Upgrade=None))
        self.assertEqual((yield peer.read_response())[0], 400)
        peer.send_request(path)
        self.assertIn(" 101 ", (yield peer.read_head())[0])


class Choosy(Echo):
    def prepare(self):
        self.note("prepare")

    def check_origin(self, origin):
        self.note("origin", origin)
        return origin.endswith("friend.example")


@with_rows
class OriginTest(WebSocketCase):

    @each(("none", {}, 101, []),
          ("friend", {"Origin": "http://friend.example"}, 101, ["http://friend.example"]),
          ("stranger", {"Origin": "http://evil.example"}, 403, ["http://evil.example"]),
          ("empty", {"Origin": ""}, 403, [""]),
          ("old_name", {"Sec_WebSocket_Origin": "https://friend.example"}, 101,
           ["https://friend.example"]),
          ("both_names", {"Origin": "http://evil.example",
                          "Sec_WebSocket_Origin": "http://friend.example"}, 403,
           ["http://evil.example"]))
    @async_test
    def test_c8_check_origin_decides(self, headers, status, seen):
        """C8: check_origin() is called after prepare(), once, when there is an origin."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Choosy), handshake(**headers))
        self.assertEqual((yield peer.read_response())[0], status)
        self.assertEqual([note for note in self.notes if note != ("open",)],
                         [("prepare",)] + [("origin", origin) for origin in seen])

    @each(("same", "http://host.example", "host.example", 101),
          ("same_with_port", "http://host.example:8000", "host.example:8000", 101),
          ("tls", "https://host.example", "host.example", 101),
          ("case", "http://HOST.example", "host.EXAMPLE", 101),
          ("ipv6", "http://[::1]:8000", "[::1]:8000", 101),
          ("path", "http://host.example/page", "host.example", 101),
          ("other_port", "http://host.example:8001", "host.example:8000", 403),
          ("default_port", "http://host.example:80", "host.example", 403),
          ("null", "null", "host.example", 403),
          ("null_host", "null", "null", 403),
          ("no_scheme", "host.example", "host.example", 403),
          ("no_host", "http://", "host.example", 403),
          ("user_info", "http://host.example@evil.example", "host.example", 403),
          ("user_info_2", "http://evil.example@host.example", "host.example", 403),
          ("longer", "http://host.example.evil", "host.example", 403),
          ("suffix", "http://evilhost.example", "host.example", 403),
          ("subdomain", "http://a.host.example", "host.example", 403),
          ("backslash", "http://evil.example\\@host.example", "host.example", 403),
          ("fragment", "http://evil.example#host.example", "host.example", 403),
          ("two", "http://evil.example http://host.example", "host.example", 403),
          ("unparsable", "http://[host.example", "host.example", 403))
    @async_test
    def test_c8_default(self, origin, host, status):
        """C8: the default compares the origin's host[:port] with ``Host``, lower-cased."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Origin=origin, Host=host), host=False)
        self.assertEqual((yield peer.read_response())[0], status)

    @each(("listed", "https://friend.example", 101),
          ("listed_with_port", "http://friend.example:8000", 101),
          ("own", "http://127.0.0.1:PORT", 101),
          ("other_scheme", "http://friend.example", 403),
          ("other_port", "https://friend.example:8000", 403),
          ("case", "https://FRIEND.example", 403),
          ("part", "https://friend", 403),
          ("longer", "https://friend.example.evil", 403),
          ("null", "null", 403),
          ("text", "friend.example", 403),
          ("empty", "", 403))
    @async_test
    def test_c56_trusted_origins(self, origin, status):
        """C56: exact strings, besides the own host; Sec-Fetch-Site is not asked."""
        self._app.settings["trusted_origins"] = [
            "https://friend.example", "http://friend.example:8000", "null", "friend.example", ""]
        origin = origin.replace("PORT", str(self.get_http_port()))
        for extra in ({}, {"Sec_Fetch_Site": "cross-site"}):
            peer = yield self.connect_raw()
            peer.send_request(self.add(Echo), handshake(Origin=origin, **extra))
            self.assertEqual((yield peer.read_response())[0], status)

    @async_test
    def test_c56_an_override_decides_alone(self):
        """C56: check_origin of a handler's own does not know the list."""
        self._app.settings["trusted_origins"] = ["http://evil.example"]
        peer = yield self.connect_raw()
        peer.send_request(self.add(Choosy), handshake(Origin="http://evil.example"))
        self.assertEqual((yield peer.read_response())[0], 403)

    @async_test
    def test_c56_one_text_is_no_list(self):
        """C56: parts of a text are not trusted; the mistake is an error of the server."""
        self._app.settings["trusted_origins"] = "https://friend.example.com"
        peer = yield self.connect_raw()
        peer.send_request(self.add(Echo), handshake(Origin="https://friend.example"))
        self.assertEqual((yield peer.read_response())[0], 500)
        entry, = self.claim_logs("tornado.application", "Uncaught exception GET")
        self.assertIn("trusted_origins is a list", entry.traceback)


@with_rows
class SubprotocolTest(WebSocketCase):

    @each(("none", None, [], None, None), ("declined", "a, b", ["a", "b"], None, None),
          ("second", "a, b", ["a", "b"], "b", "b"),
          ("order_and_case", "zz,Aa ,\tmm", ["zz", "Aa", "mm"], "Aa", "Aa"))
    @async_test
    def test_c9_selected(self, offered, seen, choice, sent):
        """C9: select_subprotocol() gets the tokens in order; what it returns is answered."""
        class Selecting(Echo):
            def select_subprotocol(self, subprotocols):
                self.note("offered", subprotocols)
                return choice

            def open(self):
                self.note("selected", self.selected_subprotocol)

        peer = yield self.connect_raw()
        peer.send_request(self.add(Selecting), handshake(Sec_WebSocket_Protocol=offered))
        first, headers = yield peer.read_head()
        self.assertIn(" 101 ", first)
        self.assertEqual(headers.get("Sec-WebSocket-Protocol"), sent)
        self.assertEqual(self.notes, [("offered", seen), ("selected", sent)])

    @async_test
    def test_c9_lines_are_one_list(self):
        """C9: the tokens of several ``Sec-WebSocket-Protocol`` lines come in order."""
        class Selecting(Echo):
            def select_subprotocol(self, subprotocols):
                self.note("offered", subprotocols)
                return subprotocols[-1]

        peer = yield self.open_raw(Selecting, [("Sec-WebSocket-Protocol", "a, b"),
                                               ("Sec-WebSocket-Protocol", "c")])
        self.assertEqual(peer.response[1]["Sec-WebSocket-Protocol"], "c")
        self.assertEqual(self.notes[0], ("offered", ["a", "b", "c"]))

    @each(("not_offered", "c", "a, b"), ("other_case", "A", "a, b"), ("none_offered", "a", None),
          ("injection", "a\r\nX-Evil: 1", "a, b"), ("list", "a, b", "a, b"))
    @async_test
    def test_c9_not_offered(self, choice, offered):
        """C9: a result that was not offered is logged and refused with 500, never sent."""
        class Wrong(Echo):
            def select_subprotocol(self, subprotocols):
                return choice

        peer = yield self.connect_raw()
        peer.send_request(self.add(Wrong), handshake(Sec_WebSocket_Protocol=offered))
        status, headers, _ = yield peer.read_response()
        self.assertEqual(status, 500)
        self.assertNotIn("Sec-WebSocket-Protocol", headers)
        self.assertNotIn("X-Evil", headers)
        self.assertEqual(self.notes, [])
        self.assertIn("ValueError", self.claim_logs("tornado.application")[0].traceback)
