import chat
from tornado.escape import json_decode, json_encode
from tornado.httpclient import HTTPRequest
from tornado.testing import AsyncHTTPTestCase, gen_test

from tornado_ws import websocket


class ChatTest(AsyncHTTPTestCase):

    def get_app(self):
        return chat.make_app()

    def connect(self):
        return websocket.websocket_connect("ws://127.0.0.1:%d/chat" % self.get_http_port())

    async def read(self, conn):
        return json_decode(await conn.read_message())

    async def join(self, conn, name):
        await conn.write_message(json_encode({"type": "name", "text": name}))
        self.assertEqual(await self.read(conn), {"type": "note", "text": name + " is here"})

    @gen_test
    async def test_conversation(self):
        async with self.connect() as ann:
            await self.join(ann, "Ann")
            async with self.connect() as bob:
                await self.join(bob, "Bob")
                self.assertEqual((await self.read(ann))["text"], "Bob is here")
                await bob.write_message(json_encode({"type": "say", "text": "Hi"}))
                for client in (ann, bob):
                    self.assertEqual(await self.read(client),
                                     {"type": "say", "name": "Bob", "text": "Hi"})
            self.assertEqual((await self.read(ann))["text"], "Bob has left")

    @gen_test
    async def test_nonsense(self):
        async with self.connect() as ann:
            await ann.write_message("no JSON")
            self.assertIsNone(await ann.read_message())
            self.assertEqual(ann.close_code, 1003)

    @gen_test
    async def test_pages_of_others_are_refused(self):
        request = HTTPRequest("ws://127.0.0.1:%d/chat" % self.get_http_port(),
                              headers={"Origin": "https://evil.example"})
        with self.assertRaisesRegex(Exception, "403"):
            await websocket.websocket_connect(request)

    def test_page(self):
        self.assertIn(b"<title>Chat</title>", self.fetch("/").body)
