import asyncio
import os
import sys

from tornado.escape import json_decode
from tornado.web import Application, RequestHandler

from tornado_ws import websocket


class Page(RequestHandler):

    def get(self):
        self.render(os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat.html"))


class Chat(websocket.WebSocketHandler):

    def initialize(self):
        self.name = None

    def open(self):
        self.settings["clients"].add(self)

    def on_message(self, message):
        try:
            event = json_decode(message)
            kind, text = event["type"], str(event["text"])[:1000]
        except (ValueError, KeyError, TypeError):
            self.close(1003, "a JSON object with type and text is needed")
            return
        if kind == "name" and self.name is None:
            self.name = text
            self.tell_all({"type": "note", "text": self.name + " is here"})
        elif kind == "say" and self.name is not None:
            self.tell_all({"type": "say", "name": self.name, "text": text})

    def on_close(self):
        self.settings["clients"].discard(self)
        if self.name is not None:
            self.tell_all({"type": "note", "text": self.name + " has left"})

    def tell_all(self, event):
        websocket.broadcast(
            [client for client in self.settings["clients"] if client.name is not None], event)


def make_app():
    return Application(
        [("/", Page), ("/chat", Chat)],
        clients=set(),
        websocket_ping_interval=20,
        websocket_max_message_size=10000)


async def main():
    try:
        make_app().listen(8888, address="127.0.0.1")
    except OSError as error:
        sys.exit("cannot listen on port 8888: %s" % error.strerror)
    print("open http://127.0.0.1:8888/; Ctrl-C ends")
    await asyncio.Event().wait()  # for ever


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
