"""Tests of a handler: docs/howto/testing.rst."""
from tornado.httpclient import HTTPRequest
from tornado.testing import AsyncHTTPTestCase, ExpectLog, gen_test
from tornado.web import Application

from tornado_ws import websocket


class Double(websocket.WebSocketHandler):
    """What is tested."""

    def on_message(self, message):
        return self.write_message(str(2 * int(message)))


class DoubleTest(AsyncHTTPTestCase):

    def get_app(self):
        return Application([("/double", Double)])

    def url(self, path):
        return "ws://127.0.0.1:%d%s" % (self.get_http_port(), path)

    @gen_test
    async def test_answer(self):
        async with websocket.websocket_connect(self.url("/double")) as conn:
            await conn.write_message("21")
            self.assertEqual(await conn.read_message(), "42")

    @gen_test
    async def test_end(self):
        async with websocket.websocket_connect(self.url("/double")) as conn:
            conn.close(1000, "enough")
            self.assertIsNone(await conn.read_message())

    @gen_test
    async def test_foreign_page(self):
        request = HTTPRequest(self.url("/double"), headers={"Origin": "https://evil.example"})
        with self.assertRaisesRegex(Exception, "403"):
            await websocket.websocket_connect(request)

    @gen_test
    async def test_no_number(self):
        """The handler fails: that is logged, and the client sees 1011."""
        with ExpectLog("tornado.application", "Uncaught exception in /double"):
            async with websocket.websocket_connect(self.url("/double")) as conn:
                await conn.write_message("many")
                self.assertIsNone(await conn.read_message())
                self.assertEqual(conn.close_code, 1011)
