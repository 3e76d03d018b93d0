"""SOCKS proxies (C59): collected where python-socks is installed."""
import asyncio
import socket
import struct

from installed import installed
from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, fails
from tornado import iostream
from tornado.httpclient import HTTPError
from wire import RawServer, frame

from tornado_ws import websocket
from tornado_ws.websocket import WebSocketError

GRANTED_5 = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01"


class SocksServer(RawServer):
    """Takes requests; a test answers them."""

    async def request(self, method=b"\x00"):
        """Take a request of SOCKS 5; return the peer and the target's kind, name and port."""
        peer = await self.accept()
        version, count = await peer.read(2)
        assert version == 5
        self.methods = await peer.read(count)
        peer.send(b"\x05" + method)
        if method == b"\x02":
            _, length = await peer.read(2)
            self.user = await peer.read(length)
            length, = await peer.read(1)
            self.password = await peer.read(length)
            peer.send(b"\x01\x00")
        assert await peer.read(3) == b"\x05\x01\x00"
        kind, = await peer.read(1)
        length = {1: 4, 4: 16}.get(kind) or (await peer.read(1))[0]
        name = await peer.read(length)
        return peer, kind, name, struct.unpack("!H", await peer.read(2))[0]

    async def request_4(self):
        """Take a request of SOCKS 4; return the peer, address, port and user."""
        peer = await self.accept()
        assert await peer.read(2) == b"\x04\x01"
        port, = struct.unpack("!H", await peer.read(2))
        address, user = await peer.read(4), b""
        while not user.endswith(b"\x00"):
            user += await peer.read(1)
        return peer, address, port, user[:-1]


async def join(peer, port):
    """Connect what a proxy accepted to a port of 127.0.0.1."""
    stream = iostream.IOStream(socket.socket())
    await stream.connect(("127.0.0.1", port))

    async def pump(source, target):
        try:
            while True:
                await target.write(await source.read_bytes(65536, partial=True))
        except iostream.StreamClosedError:
            target.close()

    return [asyncio.ensure_future(pump(peer.stream, stream)),
            asyncio.ensure_future(pump(stream, peer.stream))]


@with_rows
class SocksTest(ClientCase):
    websocket = websocket

    def setUp(self):
        super().setUp()
        self.proxy = SocksServer()
        self.pumps = []

    def tearDown(self):
        for connection in self.connections:
            connection.close()
        self.proxy.close()
        self.io_loop.run_sync(lambda: asyncio.gather(*self.pumps))
        super().tearDown()

    def proxy_url(self, scheme, credentials=""):
        return "%s://%s127.0.0.1:%d" % (scheme, credentials, self.proxy.port)

    async def converse(self, future, peer):
        self.pumps += await join(peer, self.server.port)
        server = await self.server.accept_websocket(after=frame(0x81, b"hello", None))
        conn = await future
        self.connections.append(conn)
        self.assertEqual(await conn.read_message(), "hello")
        conn.write_message("there")
        self.assertEqual(await server.read_frame(), (0x81, b"there"))

    @each(
        ("5", "socks5", "localhost", 1, b"\x7f\0\0\1"),
        ("5h", "socks5h", "localhost", 3, b"localhost"),
        ("address", "socks5h", "127.0.0.1", 1, b"\x7f\0\0\1"),
        ("v6", "socks5", "[::1]", 4, b"\0" * 15 + b"\1"),
    )
    @async_test
    async def test_socks5(self, scheme, host, kind, name):
        """C59: ``socks5`` resolves names here, ``socks5h`` leaves them to the proxy."""
        url = "ws://%s:%d/" % (host, self.server.port)
        options = {}
        if scheme == "socks5" and host == "localhost":
            options["resolver"] = OneAddress()
        future = self.start(url, proxy=self.proxy_url(scheme), **options)
        peer, *target = await self.proxy.request()
        self.assertEqual(target, [kind, name, self.server.port])
        self.assertEqual(self.proxy.methods, b"\x00")
        peer.send(GRANTED_5)
        await self.converse(future, peer)

    @async_test
    async def test_credentials(self):
        """C59: percent-decoded, as in any URL."""
        future = self.start(proxy=self.proxy_url("socks5h", "us%3Aer:p%2Fss@"))
        peer, *_ = await self.proxy.request(b"\x02")
        self.assertEqual((self.proxy.user, self.proxy.password), (b"us:er", b"p/ss"))
        peer.send(GRANTED_5)
        await self.converse(future, peer)

    @async_test
    async def test_socks4(self):
        """C59: it takes IPv4 addresses and a user."""
        url = self.server_url(host="localhost")
        future = self.start(url, proxy=self.proxy_url("socks4", "me@"))
        peer, *target = await self.proxy.request_4()
        self.assertEqual(target, [b"\x7f\0\0\1", self.server.port, b"me"])
        peer.send(b"\x00\x5a\0\0\0\0\0\0")
        await self.converse(future, peer)

    @each(*[(str(code), code, OSError if code in (1, 3, 4, 5, 6) else WebSocketError)
            for code in range(1, 10)])
    @async_test
    async def test_refusals(self, code, kind):
        """C59: what may pass is a network error, anything else is none."""
        future = self.start(proxy=self.proxy_url("socks5h"))
        peer, *_ = await self.proxy.request()
        peer.send(b"\x05", bytes([code]), b"\x00\x01\0\0\0\0\0\0")
        error = await fails(future)
        self.assertIsInstance(error, kind)
        self.assertNotIsInstance(error, HTTPError)
        self.assertIn("SOCKS proxy", str(error))
        await peer.read_rest()

    @each(("rejected", 91, OSError), ("user", 93, WebSocketError))
    @async_test
    async def test_refusals_of_4(self, code, kind):
        """C59: SOCKS 4 does not say why it could not connect."""
        future = self.start(proxy=self.proxy_url("socks4"))
        peer, *_ = await self.proxy.request_4()
        peer.send(b"\x00", bytes([code]), b"\0\0\0\0\0\0")
        self.assertIsInstance(await fails(future), kind)

    @each(("no_method", b"\x05\xff", WebSocketError),
          ("http", b"HTTP/1.1 400 x\r\n", WebSocketError),
          ("nothing", b"", OSError), ("half", b"\x05", OSError))
    @async_test
    async def test_no_answer(self, answer, kind):
        """C59: a proxy that goes away is a network error, one that is none is not."""
        future = self.start(proxy=self.proxy_url("socks5h"))
        peer = await self.proxy.accept()
        await peer.read(2)
        if answer:
            await peer.stream.write(answer)
        peer.finish()
        self.assertIsInstance(await fails(future), kind)
        await peer.read_rest()

    @async_test
    async def test_it_never_answers(self):
        """C59: connect_timeout covers it, and its socket is closed."""
        future = self.start(proxy=self.proxy_url("socks5h"), connect_timeout=0.3)
        peer = await self.proxy.accept()
        error = await fails(future)
        self.assertEqual(error.code, 599)
        await peer.read_rest()

    @async_test
    async def test_cancelled(self):
        """C59: nothing is left behind, also before there is a connection."""
        for accept in (True, False):
            future = self.start(proxy=self.proxy_url("socks5"))
            if accept:
                peer = await self.proxy.accept()
                await peer.read(3)
            future.cancel()
            if accept:
                self.assertEqual(await peer.read_rest(), b"")
            await turns(50)

    @async_test
    async def test_a_name_that_is_unknown(self):
        """C59: a look-up of ours that fails is a network error."""
        future = self.start("ws://tornado-ws.invalid/", proxy=self.proxy_url("socks5"))
        self.assertIsInstance(await fails(future), OSError)

    @async_test
    async def test_cancelled_in_the_look_up(self):
        """C59: the proxy is not asked after it."""
        resolver = OneAddress(asyncio.Event())
        future = self.start("ws://a.example/", proxy=self.proxy_url("socks5"), resolver=resolver)
        await until(lambda: resolver.asked)
        future.cancel()
        await asyncio.sleep(0)
        resolver.event.set()
        await until(lambda: resolver.answered)
        await turns(20)
        self.assertFalse(self.proxy.accept().done())


class OneAddress:
    """A resolver that knows one address."""

    def __init__(self, event=None):
        self.event = event
        self.asked = self.answered = False

    async def resolve(self, host, port, family=socket.AF_UNSPEC):
        self.asked = True
        if self.event is not None:
            await self.event.wait()
        self.answered = True
        return [(socket.AF_INET, ("127.0.0.1", port))]

    def close(self):
        pass


class InstalledSocksTest(SocksTest):
    websocket = installed
