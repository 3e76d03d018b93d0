"""Redirects: how many are followed, where to, and what goes along (C58), with both faces."""
from __future__ import absolute_import, division, print_function

import base64

from installed import installed
from peers import async_test, each, with_rows
from raw_server import ClientCase, fails
from tornado import gen
from tornado.httpclient import HTTPError, HTTPRequest
from wire import RawServer, frame

from tornado_ws import websocket
from tornado_ws._client.url import check_url, resolve

SECRETS = {
    "Authorization": "Bearer s3cret", "Cookie": "session=s3cret", "Host": "virtual.example",
    "Proxy-Authorization": "Basic czNjcmV0", "X-Api-Key": "s3cret"}
HARMLESS = {
    "Accept-Language": "en", "Origin": "https://a.example", "Sec-WebSocket-Protocol": "chat",
    "User-Agent": "Agent/1"}


def redirect(location, status="302 Found", headers=()):
    fields = [("Location", location)] if location is not None else []
    lines = ["HTTP/1.1 " + status] + ["%s: %s" % item for item in fields + list(headers)]
    return "\r\n".join(lines + ["Content-Length: 4", "", "gone"]).encode("ascii")


@with_rows
class RedirectTest(ClientCase):
    websocket = websocket

    def setUp(self):
        super(RedirectTest, self).setUp()
        self.other = RawServer()

    def tearDown(self):
        self.other.close()
        super(RedirectTest, self).tearDown()

    def other_url(self, path="/there", scheme="ws"):
        return "%s://127.0.0.1:%d%s" % (scheme, self.other.port, path)

    @gen.coroutine
    def bounce(self, *answers):
        """Answer so many requests on ``self.server``; return their heads."""
        heads = []
        for answer in answers:
            peer = yield self.server.accept()
            heads.append((yield peer.read_head()))
            peer.send(answer)
            self.assertEqual((yield peer.read_rest()), b"")
        raise gen.Return(heads)

    @gen.coroutine
    def arrive(self, future, server):
        peer = yield server.accept_websocket(after=frame(0x81, b"here", None))
        conn = yield future
        self.connections.append(conn)
        self.assertEqual((yield conn.read_message()), "here")
        raise gen.Return((conn, peer))

    @each(("301", "301 Moved Permanently"), ("302", "302 Found"), ("303", "303 See Other"),
          ("307", "307 Temporary Redirect"), ("308", "308 Permanent Redirect"))
    @async_test
    def test_statuses(self, status):
        """C58: five statuses are redirects; the first message is not lost."""
        future = self.start(max_redirects=1)
        yield self.bounce(redirect(self.other_url("/there?a=b"), status))
        conn, peer = yield self.arrive(future, self.other)
        self.assertEqual(peer.request[0], "GET /there?a=b HTTP/1.1")
        self.assertEqual(peer.request[1]["Host"], "127.0.0.1:%d" % self.other.port)
        self.assertIs((yield conn.connect_future), conn)

    @each(("300", "300 Multiple Choices"), ("304", "304 Not Modified"), ("305", "305 Use Proxy"),
          ("201", "201 Created"))
    @async_test
    def test_other_statuses(self, status):
        """C58: others are not, whatever Location they have."""
        refusal = yield self.answer(redirect(self.other_url(), status), max_redirects=5)
        self.assertIsInstance(refusal.error, (HTTPError, self.websocket.WebSocketError))
        self.assertFalse(self.other.accept().done())

    @async_test
    def test_so_many_times(self):
        """C58: the last answer is in the error."""
        future = self.start(max_redirects=2)
        yield self.bounce(redirect("/1"), redirect("/2"), redirect("/3", "307 Temporary Redirect"))
        error = yield fails(future)
        self.assertIsInstance(error, HTTPError)
        self.assertEqual((error.code, error.response.headers["Location"]), (307, "/3"))
        self.assertEqual(error.response.body, b"gone")
        self.assertFalse(self.server.accept().done())

    @async_test
    def test_only_the_keyword_counts(self):
        """C58: an HTTPRequest follows redirects by default, which is not meant for WebSockets."""
        request = HTTPRequest(self.server_url(), follow_redirects=True, max_redirects=5)
        future = self.start(request)
        yield self.bounce(redirect(self.other_url()))
        self.assertEqual((yield fails(future)).code, 302)
        future = self.start(HTTPRequest(self.server_url(), follow_redirects=False),
                            max_redirects=1)
        yield self.bounce(redirect(self.other_url()))
        yield self.arrive(future, self.other)

    @each(
        ("absolute_path", "/b?c", "GET /b?c HTTP/1.1"), ("relative", "b", "GET /a/b HTTP/1.1"),
        ("query", "?q", "GET /a/x?q HTTP/1.1"), ("up", "../b", "GET /b HTTP/1.1"),
        ("fragment", "/b#part", "GET /b HTTP/1.1"),
    )
    @async_test
    def test_relative(self, location, line):
        """C58, RFC 7231 section 7.1.2: relative to what was asked for; a fragment is no matter."""
        future = self.start(self.server_url("/a/x"), max_redirects=1)
        yield self.bounce(redirect(location))
        _, peer = yield self.arrive(future, self.server)
        self.assertEqual(peer.request[0], line)

    @each(("http", "http"), ("upper", "HTTP"), ("ws", "Ws"))
    @async_test
    def test_http_means_ws(self, scheme):
        """C58: to a server a WebSocket's URL is one of HTTP."""
        future = self.start(max_redirects=1)
        yield self.bounce(redirect(self.other_url("/x", scheme)))
        yield self.arrive(future, self.other)

    @each(
        ("none", None), ("empty", ""), ("ftp", "ftp://127.0.0.1/"), ("space", "/a b"),
        ("port", "ws://127.0.0.1:99999/"), ("bracket", "http://[::1/"),
    )
    @async_test
    def test_nowhere(self, location):
        """C58: a Location that is none is an error like a redirect too many."""
        refusal = yield self.answer(redirect(location), max_redirects=5)
        self.assertIsInstance(refusal.error, HTTPError)
        self.assertEqual(refusal.error.code, 302)

    @async_test
    def test_to_another_origin(self):
        """C58: no credentials, and no header but harmless ones, go to another origin."""
        request = HTTPRequest(self.server_url(), headers=dict(SECRETS, **HARMLESS))
        future = self.start(request, max_redirects=2)
        heads = yield self.bounce(redirect("/again"), redirect(self.other_url()))
        for _, headers in heads:
            for name, value in list(SECRETS.items()) + list(HARMLESS.items()):
                self.assertEqual(headers[name], value)
        peer = yield self.other.accept_websocket([("Sec-WebSocket-Protocol", "chat")])
        self.connections.append((yield future))
        headers = peer.request[1]
        for name, value in HARMLESS.items():
            self.assertEqual(headers[name], value)
        self.assertEqual(headers["Host"], "127.0.0.1:%d" % self.other.port)
        self.assertNotIn("s3cret", str(dict(headers)))
        self.assertNotIn("Proxy-Authorization", headers)
        self.assertEqual(request.headers, dict(SECRETS, **HARMLESS))

    @each(("in_the_url", True), ("of_the_request", False))
    @async_test
    def test_credentials(self, in_url):
        """C58: user and password stay with the origin they are for, and do not come back."""
        url = self.server_url("/first")
        options = {} if in_url else {"auth_username": "me", "auth_password": "s3cret"}
        if in_url:
            url = url.replace("//", "//me:s3cret@")
        future = self.start(HTTPRequest(url, **options), max_redirects=4)
        heads = yield self.bounce(redirect("/second"), redirect(self.other_url("/third")))
        for _, headers in heads:
            self.assertEqual(base64.b64decode(headers["Authorization"].split()[1]), b"me:s3cret")
        peer = yield self.other.accept()
        _, headers = yield peer.read_head()
        self.assertNotIn("Authorization", headers)
        peer.send(redirect(self.server_url("/fourth")))
        _, peer = yield self.arrive(future, self.server)
        self.assertNotIn("Authorization", peer.request[1])

    @async_test
    def test_other_ports_and_names_are_other_origins(self):
        """C58: a cookie for 127.0.0.1 is none for localhost."""
        request = HTTPRequest(self.server_url(), headers={"Cookie": "a=b"})
        future = self.start(request, max_redirects=1)
        yield self.bounce(redirect(self.server_url(host="localhost")))
        _, peer = yield self.arrive(future, self.server)
        self.assertNotIn("Cookie", peer.request[1])

    @async_test
    def test_the_time_is_for_all_of_them(self):
        """C58, C39: connect_timeout is not given anew to each."""
        limits = []

        class Noting(websocket.WebSocketClientConnection):
            def __init__(self, **kwargs):
                limits.append(kwargs["request"].connect_timeout)
                limits.append(kwargs["request"].request_timeout)
                super(Noting, self).__init__(**kwargs)

        future = websocket.websocket_connect(
            self.server_url(), max_redirects=2, connect_timeout=17, connection_class=Noting)
        yield self.bounce(redirect("/"), redirect("/"), redirect("/"))
        yield fails(future)
        self.assertEqual(limits[:2], [17, 17])
        self.assertTrue(17 > limits[2] > limits[4] > 0, limits)
        self.assertTrue(17 > limits[3] > limits[5] > 0, limits)

    @async_test
    def test_without_a_time_limit(self):
        """C58: 0 is for ever, also after a redirect."""
        request = HTTPRequest(self.server_url(), request_timeout=0)
        future = self.start(request, max_redirects=1, connect_timeout=0)
        yield self.bounce(redirect(self.other_url()))
        yield self.arrive(future, self.other)

    @async_test
    def test_the_network_fails_behind_it(self):
        """C58: what happens at the next server is the error."""
        future = self.start(max_redirects=1)
        yield self.bounce(redirect(self.other_url()))
        peer = yield self.other.accept()
        peer.close()
        error = yield fails(future)
        self.assertNotEqual(getattr(error, "code", 599), 302)

    @async_test
    def test_a_class_that_fails(self):
        """C58: what a subclass raises for a redirect is the error."""
        class Once(websocket.WebSocketClientConnection):
            made = []

            def __init__(self, *args, **kwargs):
                self.made.append(self)
                if len(self.made) == 2:
                    raise RuntimeError("only once")
                super(Once, self).__init__(*args, **kwargs)

        future = websocket.websocket_connect(
            self.server_url(), max_redirects=1, connection_class=Once)
        yield self.bounce(redirect("/"))
        error = yield fails(future)
        self.assertEqual(str(error), "only once")
        Once.made[1].protocol = None

    @each(("negative", -1, ValueError), ("text", "1", TypeError), ("none", None, TypeError))
    def test_arguments(self, count, error):
        """C58: a number from 0."""
        self.assertRaises(error, self.start, max_redirects=count)


class InstalledRedirectTest(RedirectTest):
    websocket = installed


class TLSRedirectTest(ClientCase):
    tls = True

    def setUp(self):
        super(TLSRedirectTest, self).setUp()
        self.plain = RawServer()

    def tearDown(self):
        self.plain.close()
        super(TLSRedirectTest, self).tearDown()

    @async_test
    def test_not_from_tls_to_plain(self):
        """C58: ``wss`` never to ``ws``, by whatever name."""
        for scheme in ("ws", "http"):
            url = HTTPRequest(self.server_url(), validate_cert=False)
            location = "%s://127.0.0.1:%d/" % (scheme, self.plain.port)
            refusal = yield self.answer(redirect(location), url=url, max_redirects=5)
            self.assertEqual(refusal.error.code, 302)
            self.assertFalse(self.plain.accept().done())

    @async_test
    def test_from_plain_to_tls(self):
        """C58: that is another origin, too."""
        request = HTTPRequest("ws://127.0.0.1:%d/" % self.plain.port, headers={"Cookie": "a=b"},
                              validate_cert=False)
        future = self.start(request, max_redirects=1)
        peer = yield self.plain.accept()
        yield peer.read_head()
        peer.send(redirect(self.server_url().replace("wss", "https")))
        peer = yield self.server.accept_websocket()
        self.connections.append((yield future))
        self.assertNotIn("Cookie", peer.request[1])


@with_rows
class LoopRedirectTest(ClientCase):
    @async_test
    def test_callback_and_cancel(self):
        """C58: the Future is the caller's own all the time; cancelled, nothing goes on."""
        calls = []
        future = self.start(max_redirects=2, callback=calls.append)
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.send(redirect("/"))
        peer = yield self.server.accept_websocket()
        self.connections.append((yield future))
        while not calls:
            yield gen.moment
        self.assertEqual(calls, [future])

    @async_test
    def test_cancelled(self):
        """C58: on Tornado 5 and later, where a Future can be cancelled."""
        future = self.start(max_redirects=2)
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.send(redirect("/"))
        peer = yield self.server.accept()
        yield peer.read_head()
        if future.cancel():
            self.assertEqual((yield peer.read_rest()), b"")
        else:
            peer.close()
            yield fails(future)


@with_rows
class OriginTest(ClientCase):
    @each(
        ("port", "ws://a/", "ws://A:80/x", True), ("tls_port", "wss://a/", "WSS://a:443", True),
        ("empty_port", "ws://a:/", "ws://a", True), ("credentials", "ws://u:p@a/", "ws://a", True),
        ("address", "ws://[::1]/", "ws://[::1]:80/", True),
        ("scheme", "ws://a/", "wss://a/", False),
        ("name", "ws://a/", "ws://a.b/", False), ("number", "ws://a:81/", "ws://a:82/", False),
        ("dot", "ws://a/", "ws://a./", False),
    )
    def test_origins(self, one, other, same):
        """RFC 6454 section 4: scheme, host and port."""
        self.assertEqual(check_url(one) == check_url(other), same)

    @each(
        ("dots", "ws://a/b/c", "../d", "ws://a/d"), ("host", "ws://a/b", "//c/d", "ws://c/d"),
        ("wss", "wss://a/b", "//c/d", "wss://c/d"), ("https", "ws://a/", "https://b", "wss://b"),
        ("colon", "ws://a/b", "/c:d", "ws://a/c:d"), ("other", "ws://a/", "ftp://b", "ftp://b"),
        ("time", "ws://a/b", "?t=12:30#x", "ws://a/b?t=12:30"),
    )
    def test_references(self, url, reference, resolved):
        """RFC 3986 section 5."""
        self.assertEqual(resolve(url, reference), resolved)
