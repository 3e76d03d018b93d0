"""HTTP proxies, sockets and paths in place of TCP (C59), with both faces."""
from __future__ import absolute_import, division, print_function

import base64
import gc
import os
import shutil
import socket
import ssl
import tempfile
import weakref

import pytest
from free_port import free_port
from installed import installed
from peers import async_test, each, tls_context, turns, until, with_rows
from raw_server import NETWORK_ERRORS, ClientCase, fails
from silence import SilentResolver
from tornado import gen, iostream, netutil
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.iostream import StreamClosedError
from wire import RawServer, frame

from tornado_ws import websocket
from tornado_ws._client import proxy as proxies
from tornado_ws._client import route
from tornado_ws._compat import socks

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
VARIABLES = ["%s_proxy" % name for name in ("ws", "wss", "http", "https", "all", "no")]


@gen.coroutine
def pump(source, target):
    """Copy bytes from one stream to the other until an end."""
    while True:
        try:
            data = yield source.read_bytes(65536, partial=True)
            yield target.write(data)
        except EnvironmentError:
            target.close()
            break


class ProxyServer(RawServer):
    """A proxy: answers as a test says, and tunnels."""

    @gen.coroutine
    def serve(self, *pieces):
        """Take a CONNECT, answer, and tunnel; return the request's line and headers."""
        peer = yield self.accept()
        head = yield peer.read_head()
        host, _, port = head[0].split()[1].rpartition(":")
        stream = iostream.IOStream(socket.socket())
        yield stream.connect(("127.0.0.1", int(port)))
        for piece in pieces or (ESTABLISHED,):
            yield peer.stream.write(piece)
            yield turns(20)
        self.pumps = [pump(peer.stream, stream), pump(stream, peer.stream)]
        raise gen.Return(head)


class ProxyCase(ClientCase):
    websocket = websocket

    def setUp(self):
        super(ProxyCase, self).setUp()
        self.proxy = ProxyServer()
        environment = dict(os.environ)
        for name in VARIABLES:
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)

        def restore():
            os.environ.clear()
            os.environ.update(environment)

        self.addCleanup(restore)

    def tearDown(self):
        for connection in self.connections:
            connection.close()
        self.proxy.close()
        super(ProxyCase, self).tearDown()

    def proxy_url(self, credentials=""):
        return "http://%s127.0.0.1:%d" % (credentials, self.proxy.port)

    @gen.coroutine
    def converse(self, future, server=None):
        """Take the connection at the server, and send a message each way."""
        peer = yield (server or self.server).accept_websocket(after=frame(0x81, b"hello", None))
        conn = yield future
        self.connections.append(conn)
        self.assertEqual((yield conn.read_message()), "hello")
        conn.write_message("there")
        self.assertEqual((yield peer.read_frame()), (0x81, b"there"))
        raise gen.Return((conn, peer))


@with_rows
class TunnelTest(ProxyCase):
    @async_test
    def test_tunnel(self):
        """C59: a WebSocket goes through an HTTP proxy's tunnel, also without TLS."""
        future = self.start(proxy=self.proxy_url())
        line, headers = yield self.proxy.serve()
        target = "127.0.0.1:%d" % self.server.port
        self.assertEqual(line, "CONNECT %s HTTP/1.1" % target)
        self.assertEqual(list(headers.get_all()), [("Host", target)])
        _, peer = yield self.converse(future)
        self.assertEqual(peer.request[1]["Host"], target)

    @each(
        ("byte_by_byte", [ESTABLISHED[i:i + 1] for i in range(len(ESTABLISHED))]),
        ("headers", [b"HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n", b"Date: now\r\n\r\n"]),
        ("length", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n"]),
        ("201", [b"HTTP/1.1 201 Fine\r\n\r\n"]),
    )
    @async_test
    def test_answers(self, pieces):
        """C59: any 2xx opens the tunnel, in whatever pieces; a length there means nothing."""
        future = self.start(proxy=self.proxy_url())
        yield self.proxy.serve(*pieces)
        yield self.converse(future)

    @each(("keyword", True), ("request", False))
    @async_test
    def test_credentials(self, keyword):
        """C59: they go to the proxy and no further; the request's are not changed."""
        request = HTTPRequest(
            self.server_url(), proxy_host="127.0.0.1", proxy_port=self.proxy.port,
            proxy_username="us:er", proxy_password="p\xe4ss" if str is not bytes else "pass")
        if keyword:
            future = self.start(proxy=self.proxy_url("us%3Aer:p%2Fss@"))
        else:
            future = self.start(request)
        _, headers = yield self.proxy.serve()
        scheme, value = headers["Proxy-Authorization"].split()
        expected = b"us:er:" + (b"p/ss" if keyword else
                                request.proxy_password.encode("utf-8"))
        self.assertEqual((scheme, base64.b64decode(value)), ("Basic", expected))
        conn, peer = yield self.converse(future)
        self.assertNotIn("Proxy-Authorization", peer.request[1])
        self.assertEqual(request.proxy_host, "127.0.0.1")

    @async_test
    def test_what_is_for_the_server_is_not_for_the_proxy(self):
        """C59: neither the request's headers nor its credentials go to the proxy."""
        request = HTTPRequest(self.server_url(), headers={"Cookie": "a=b", "X-Key": "c"},
                              auth_username="me", auth_password="secret")
        future = self.start(request, proxy=self.proxy_url())
        _, headers = yield self.proxy.serve()
        self.assertEqual(list(headers), ["Host"])
        _, peer = yield self.converse(future)
        self.assertEqual(peer.request[1]["X-Key"], "c")

    @async_test
    def test_the_name_is_the_proxys_to_resolve(self):
        """C59: the server's name goes to the proxy as it is; ours may not know it."""
        future = self.start("ws://server.invalid:81/", proxy=self.proxy_url())
        peer = yield self.proxy.accept()
        line, headers = yield peer.read_head()
        self.assertEqual(line, "CONNECT server.invalid:81 HTTP/1.1")
        peer.close()
        yield fails(future)

    @each(
        ("address", "ws://[::1]/", "[::1]:80"),
        ("port", "ws://[2001:db8::1]:8/", "[2001:db8::1]:8"),
        ("tls", "wss://a.example/", "a.example:443"),
        ("idna", u"ws://b\xfccher.example/", "xn--bcher-kva.example:80"),
    )
    @async_test
    def test_targets(self, url, target):
        """C59: an IPv6 address has brackets, a port is always there (RFC 7231 section 4.3.6)."""
        future = self.start(url, proxy=self.proxy_url())
        peer = yield self.proxy.accept()
        line, headers = yield peer.read_head()
        self.assertEqual(line, "CONNECT %s HTTP/1.1" % target)
        self.assertEqual(headers["Host"], target)
        peer.close()
        yield fails(future)

    @each(
        ("407", b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
                b"Content-Length: 5\r\n\r\nwho?\n", 407, b"who?\n"),
        ("chunks", b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n",
         403, b"no!"),
        ("until_the_end", b"HTTP/1.0 502 Bad Gateway\r\n\r\ndown", 502, b"down"),
        ("redirect", b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0"
                     b"\r\n\r\n", 302, b""),
    )
    @async_test
    def test_refusals(self, answer, code, body):
        """C59: an HTTPError with the proxy's answer; a redirect of a proxy's is not followed."""
        future = self.start(proxy=self.proxy_url(), max_redirects=5)
        peer = yield self.proxy.accept()
        yield peer.read_head()
        yield peer.stream.write(answer)
        peer.finish()
        error = yield fails(future)
        self.assertIsInstance(error, HTTPError)
        self.assertEqual((error.code, error.response.body), (code, body))
        self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_an_answer_without_end(self):
        """C59, C39: at most 1 MiB of a body is kept."""
        future = self.start(proxy=self.proxy_url())
        peer = yield self.proxy.accept()
        yield peer.read_head()
        peer.stream.write(b"HTTP/1.1 503 Busy\r\n\r\n")
        while not future.done():
            try:
                yield peer.stream.write(b"x" * 65536)
            except StreamClosedError:
                break
        error = yield fails(future)
        self.assertEqual((error.code, len(error.response.body)), (503, 1024 * 1024))

    @each(("nothing", b""), ("half", b"HTTP/1.1 20"), ("ssh", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
          ("binary", b"\x05\xff\r\n\r\n"), ("long", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000))
    @async_test
    def test_no_answer(self, answer):
        """C59: a proxy that goes away, or is none, is a network error at once."""
        future = self.start(proxy=self.proxy_url(), connect_timeout=25)
        peer = yield self.proxy.accept()
        yield peer.read_head()
        if answer:
            peer.stream.write(answer)
            yield turns(20)
        peer.finish()
        error = yield fails(future)
        self.assertNotIn("Timeout", str(error))
        if self.websocket is websocket:
            self.assertIsInstance(error, NETWORK_ERRORS)

    @each(("accepts", None), ("half", b"HTTP/1.1 200 OK\r\nX: "),
          ("body", b"HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\nxx"))
    @async_test
    def test_it_never_answers(self, answer):
        """C59: connect_timeout covers the proxy; its socket is closed."""
        future = self.start(proxy=self.proxy_url(), connect_timeout=0.3)
        peer = yield self.proxy.accept()
        if answer:
            peer.stream.write(answer)
        error = yield fails(future)
        self.assertEqual(error.code, 599)
        yield peer.read_rest()

    @async_test
    def test_cancelled(self):
        """C59: whoever gives up (Tornado 5 and later) leaves nothing behind."""
        future = self.start(proxy=self.proxy_url())
        peer = yield self.proxy.accept()
        yield peer.read_head()
        if future.cancel():
            self.assertEqual((yield peer.read_rest()), b"")
        else:
            peer.close()
            yield fails(future)

    @async_test
    def test_nobody_is_there(self):
        """C59: a proxy that is down is a network error."""
        error = yield fails(self.start(proxy="http://127.0.0.1:%d" % free_port()))
        self.assertIsInstance(error, NETWORK_ERRORS)

    @async_test
    def test_a_silent_name_server(self):
        """C59, C39: the look-up of the proxy's name is in the time, and by the resolver given."""
        resolver = SilentResolver()
        error = yield fails(self.start(proxy="http://proxy.example:3128", resolver=resolver,
                                       connect_timeout=0.2))
        self.assertEqual(error.code, 599)
        self.assertEqual(resolver.asked, [("proxy.example", 3128)])
        if self.websocket is installed and "while" in str(error):
            self.assertIn("proxy.example:3128", str(error))

    @pytest.mark.cpython
    @async_test
    def test_freed(self):
        """C43, C59: after its end a connection is freed without the cycle collector."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        future = self.start(proxy=self.proxy_url())
        yield self.proxy.serve()
        peer = yield self.server.accept_websocket()
        conn = yield future
        tunnel = weakref.ref(conn.tcp_client.route._tunnel)
        conn, future = weakref.ref(conn), None
        peer.close()
        yield until(lambda: conn() is None and tunnel() is None)

    @async_test
    def test_redirected(self):
        """C58, C59: each goes through the proxy, with the proxy's credentials."""
        future = self.start(proxy=self.proxy_url("a:b@"), max_redirects=1)
        yield self.proxy.serve()
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
        _, headers = yield self.proxy.serve()
        self.assertIn("Proxy-Authorization", headers)
        yield self.converse(future)

    @each(
        ("scheme", "ftp://a:1"), ("https", "https://a:1"), ("no_host", "http://"),
        ("port", "http://a:x"),
        ("large_port", "http://a:65536"), ("zero", "http://a:0"), ("path", "http://a/b"),
        ("space", "http://a b"), ("break", "http://a\r\nX: y"), ("empty", ""),
    )
    def test_wrong_proxies(self, proxy):
        """C59: a ValueError at the call, which does not tell a password."""
        with self.assertRaises(ValueError) as caught:
            self.start(proxy=proxy.replace("//", "//me:s3cret@"))
        self.assertNotIn("s3cret", str(caught.exception))

    def test_wrong_arguments(self):
        """C59: what is no proxy at all; what an HTTPRequest cannot mean."""
        self.assertRaises(TypeError, self.start, proxy=3128)
        self.assertRaises(TypeError, self.start, proxy=b"x" if str is not bytes else [])
        request = HTTPRequest(self.server_url(), proxy_host="a")
        self.assertRaises(ValueError, self.start, request)
        request = HTTPRequest(self.server_url(), proxy_host="a", proxy_port=1)
        request.proxy_auth_mode = "digest"
        self.assertRaises(ValueError, self.start, request)

    @async_test
    def test_no_is_none(self):
        """C59: False as None."""
        yield self.converse(self.start(proxy=False))

    @async_test
    def test_the_keyword_counts(self):
        """C59: before what the HTTPRequest names."""
        request = HTTPRequest(self.server_url(), proxy_host="127.0.0.1", proxy_port=1)
        future = self.start(request, proxy=self.proxy_url())
        yield self.proxy.serve()
        yield self.converse(future)


class InstalledTunnelTest(TunnelTest):
    websocket = installed


class TLSTunnelTest(ProxyCase):
    tls = True

    @async_test
    def test_tls_is_the_servers(self):
        """C59: TLS begins behind the proxy, and is checked against the server's name."""
        names = []
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        tls_context().set_servername_callback(lambda sock, name, context: names.append(name))
        request = HTTPRequest(self.server_url(host="localhost"), ssl_options=context)
        future = self.start(request, proxy=self.proxy_url())
        line, _ = yield self.proxy.serve()
        self.assertEqual(line, "CONNECT localhost:%d HTTP/1.1" % self.server.port)
        yield self.converse(future)
        tls_context().set_servername_callback(None)
        self.assertEqual(names, ["localhost"])

    @async_test
    def test_a_wrong_certificate(self):
        """C59: the proxy cannot be the server."""
        future = self.start(self.server_url(host="localhost"), proxy=self.proxy_url())
        yield self.proxy.serve()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)
        self.log.entries = [entry for entry in self.log.entries if "SSL" not in entry.message]


@with_rows
class EnvironmentTest(ProxyCase):
    """C59: ``proxy=True`` asks the environment, and nothing else does."""

    @async_test
    def test_not_unless_asked(self):
        for name in VARIABLES[:-1]:
            os.environ[name] = self.proxy_url()
        yield self.converse(self.start())
        self.assertFalse(self.proxy.accept().done())

    @each(("own", "ws_proxy"), ("upper", "WS_PROXY"), ("https", "https_proxy"),
          ("http", "http_proxy"), ("all", "all_proxy"), ("ALL", "ALL_PROXY"))
    @async_test
    def test_asked(self, name):
        os.environ[name] = self.proxy_url("a:b@")
        future = self.start(proxy=True)
        _, headers = yield self.proxy.serve()
        self.assertIn("Proxy-Authorization", headers)
        yield self.converse(future)

    @async_test
    def test_no_proxy(self):
        os.environ["all_proxy"] = self.proxy_url()
        os.environ["no_proxy"] = "example.com, 127.0.0.0/8"
        yield self.converse(self.start(proxy=True))

    @async_test
    def test_nothing_there(self):
        yield self.converse(self.start(proxy=True))

    @each(
        ("order", {"wss_proxy": "a", "https_proxy": "b", "all_proxy": "c"}, "wss://x/", "a"),
        ("https", {"ws_proxy": "a", "https_proxy": "b", "all_proxy": "c"}, "wss://x/", "b"),
        ("all", {"ws_proxy": "a", "http_proxy": "b", "all_proxy": "c"}, "wss://x/", "c"),
        ("plain", {"http_proxy": "a", "https_proxy": "b"}, "ws://x/", "b"),
        ("lower", {"all_proxy": "a", "ALL_PROXY": "b"}, "ws://x/", "a"),
        ("empty", {"wss_proxy": "", "WSS_PROXY": "a", "https_proxy": "b"}, "wss://x/", "b"),
        ("cgi", {"HTTP_PROXY": "a"}, "ws://x/", None),
        ("suffix", {"all_proxy": "a", "NO_PROXY": "y, .X"}, "ws://b.x/", None),
        ("lower_no", {"all_proxy": "a", "NO_PROXY": "x", "no_proxy": "y"}, "ws://x/", "a"),
        ("star", {"all_proxy": "a", "no_proxy": "*"}, "ws://x/", None),
    )
    def test_variables(self, variables, url, host):
        os.environ.update(variables)
        proxy = proxies.of_environment(url)
        self.assertEqual(proxy and proxy.host, host)

    def test_a_wrong_one(self):
        """It is a ValueError at the call, as of the keyword."""
        os.environ["all_proxy"] = "gopher://a"
        self.assertRaises(ValueError, self.start, proxy=True)

    @each(
        ("same", "a.example", True), ("below", "example", True), ("dot", ".a.example", True),
        ("star_dot", "*.example", True), ("longer", "b.a.example", False),
        ("end", "ample", False), ("port", "a.example:81", True),
        ("other_port", "example:80", False), ("list", "x,y, example", True),
        ("spaces", "x example", True), ("empty", "", False),
        ("commas", ",,", False), ("point", ".", False), ("all_port", "*:81", True),
        ("no_number", "example:x", False), ("no_decimal", u"example:\xb2", False),
    )
    def test_no_proxy_names(self, exceptions, direct):
        self.assertEqual(proxies.goes_direct(u"a.example", 81, exceptions), direct)

    @each(
        ("same", "10.1.2.3", "10.1.2.3", True), ("other", "10.1.2.3", "10.1.2.4", False),
        ("network", "10.1.2.3", "10.0.0.0/8", True), ("outside", "11.1.2.3", "10.0.0.0/8", False),
        ("odd", "10.1.2.3", "10.1.2.2/31", True), ("all", "10.1.2.3", "0.0.0.0/0", True),
        ("no_bits", "10.1.2.3", "10.0.0.0/x", False),
        ("no_decimal", "10.1.2.3", u"10.0.0.0/\xb2", False), ("suffix", "10.1.2.3", "2.3", True),
        ("v6", "[2001:db8::1]", "2001:db8:0::1", True), ("brackets", "[::1]", "[::1]", True),
        ("v6_port", "[::1]", "[::1]:81", True), ("v6_other_port", "[::1]", "[::1]:82", False),
        ("v6_network", "[2001:db8::1]", "2001:db8::/32", True),
        ("mixed", "[::1]", "0.0.0.0/0", False),
        ("v6_ends_as_a_port", "[::81]", "::81", True),
    )
    def test_no_proxy_addresses(self, host, exceptions, direct):
        self.assertEqual(proxies.goes_direct(host, 81, exceptions), direct)

    def test_what_socks_needs(self):
        """C59: it is told what is missing, at the call."""
        try:
            socks.check()
        except NotImplementedError as error:
            self.assertIn("Python 3.8 and Tornado 5", str(error))
        except ImportError as error:
            self.assertIn("pip install tornado_ws[socks]", str(error))
        else:
            return
        for scheme in ("socks4", "socks5", "socks5h"):
            self.assertRaises((NotImplementedError, ImportError),
                              self.start, proxy=scheme + "://127.0.0.1")

    def test_a_password_is_not_shown(self):
        self.assertNotIn("s3cret", repr(proxies.parse("http://me:s3cret@[::1]:8")))


@with_rows
class SocketTest(ProxyCase):
    """C59: ``sock=`` and ``unix_socket=``."""

    def listen(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "socket")
        listening = netutil.bind_unix_socket(path)
        self.addCleanup(listening.close)
        netutil.add_accept_handler(listening, self.server._on_accept)
        return path, listening

    @async_test
    def test_path(self):
        path, listening = self.listen()
        future = self.start("ws://server.invalid/x", unix_socket=path)
        _, peer = yield self.converse(future)
        self.assertEqual(peer.request[1]["Host"], "server.invalid")
        self.io_loop.remove_handler(listening)

    @async_test
    def test_no_path(self):
        """The system's error, as of any network."""
        error = yield fails(self.start(unix_socket="/nonexistent/socket"))
        self.assertIsInstance(error, NETWORK_ERRORS)

    @async_test
    def test_path_and_redirects(self):
        """C58: what is at the path is one origin, and no other is to be found there."""
        path, listening = self.listen()
        future = self.start("ws://a.example/", unix_socket=path, max_redirects=5)
        for location in ("/b", "http://a.example:80/c", "ws://b.example/"):
            peer = yield self.server.accept()
            yield peer.read_head()
            peer.send(("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
                       % location).encode("ascii"))
        error = yield fails(future)
        self.assertEqual(error.response.headers["Location"], "ws://b.example/")
        self.io_loop.remove_handler(listening)

    @async_test
    def test_path_that_nobody_answers(self):
        """The time is over, and the socket closed."""
        path, listening = self.listen()
        future = self.start(unix_socket=path, connect_timeout=0.2)
        peer = yield self.server.accept()
        self.assertEqual((yield fails(future)).code, 599)
        self.assertIn(b"GET / HTTP/1.1", (yield peer.read_rest()))
        self.io_loop.remove_handler(listening)

    @async_test
    def test_socket(self):
        ours, theirs = socket.socketpair()
        self.server._on_accept(theirs, None)
        conn, peer = yield self.converse(self.start("ws://server.invalid/", sock=ours))
        self.assertEqual(peer.request[1]["Host"], "server.invalid")
        conn.close()
        self.assertEqual((yield peer.read_frame()).first, 0x88)

    @async_test
    def test_socket_is_closed_at_the_end(self):
        """It is ours from the call on, also if the handshake fails."""
        ours, theirs = socket.socketpair()
        self.server._on_accept(theirs, None)
        future = self.start("ws://a.example/", sock=ours)
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((yield fails(future)).code, 403)
        self.assertEqual((yield peer.read_rest()), b"")

    def test_wrong_sockets(self):
        """A ValueError or TypeError at the call, and the socket stays the caller's."""
        unconnected = socket.socket()
        self.assertRaises(ValueError, self.start, sock=unconnected)
        unconnected.close()
        ours, theirs = socket.socketpair()
        for options in ({"max_redirects": 1}, {"proxy": "http://a:1"}, {"unix_socket": "/a"},
                        {"proxy": True}):
            self.assertRaises(ValueError, self.start, sock=ours, **options)
        theirs.close()
        self.assertRaises(TypeError, self.start, sock=3)
        ours.close()
        plain = socket.socket()
        tls = ssl.create_default_context().wrap_socket(
            plain, server_hostname="a", do_handshake_on_connect=False)
        self.assertRaises(TypeError, self.start, sock=tls)
        tls.close()
        plain.close()
        request = HTTPRequest(self.server_url(), proxy_host="a", proxy_port=1)
        self.assertRaises(ValueError, self.start, request, unix_socket="/a")

    def test_a_socket_that_is_not_needed(self):
        """Given up before it was used, it is closed."""
        ours, theirs = socket.socketpair()
        way = route.SocketRoute(ours)
        way.close()
        self.assertEqual(theirs.recv(1), b"")
        theirs.close()
