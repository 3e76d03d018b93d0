"""Tests of a handler: docs/howto/testing.rst."""
import socket

from tornado.httpclient import HTTPRequest
from tornado.iostream import IOStream
from tornado.testing import AsyncHTTPTestCase, ExpectLog, gen_test
from tornado.web import Application

from tornado_ws import websocket
from tornado_ws.testing import WebSocketTestCase


class Double(websocket.WebSocketHandler):
    """What is tested."""

    def on_message(self, message):
        return self.write_message(str(2 * int(message)))


class DoubleTest(WebSocketTestCase):

    def get_app(self):
        return Application([("/double", Double)])

    @gen_test
    async def test_answer(self):
        conn = await self.ws_connect("/double")
        await conn.write_message("21")
        self.assertEqual(await conn.read_message(), "42")

    @gen_test
    async def test_end(self):
        conn = await self.ws_connect("/double")
        conn.close(1000, "enough")
        self.assertIsNone(await conn.read_message())

    @gen_test
    async def test_foreign_page(self):
        request = HTTPRequest("/double", headers={"Origin": "https://evil.example"})
        with self.assertRaisesRegex(Exception, "403"):
            await self.ws_connect(request)

    @gen_test
    async def test_no_number(self):
        """The handler fails: that is logged, and the client sees 1011."""
        with ExpectLog("tornado.application", "Uncaught exception in /double"):
            conn = await self.ws_connect("/double")
            await conn.write_message("many")
            self.assertIsNone(await conn.read_message())
            self.assertEqual(conn.close_code, 1011)


class WrongPeerTest(AsyncHTTPTestCase):

    HANDSHAKE = (
        b"GET /double HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")

    def get_app(self):
        return Application([("/double", Double)])

    @gen_test
    async def test_frame_without_mask(self):
        stream = IOStream(socket.socket())
        await stream.connect(("127.0.0.1", self.get_http_port()))
        await stream.write(self.HANDSHAKE + b"\x81\x0221")  # a text frame
        await stream.read_until(b"\r\n\r\n")
        opcode, length, *code = await stream.read_bytes(4)
        self.assertEqual((opcode, code), (0x88, [0x03, 0xEA]))  # a close frame, 1002
        stream.close()
