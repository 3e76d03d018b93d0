"""Keepalive: docs/howto/keepalive.rst."""
import struct
import time

from tornado.web import Application

from tornado_ws import websocket


class Sensor(websocket.WebSocketHandler):
    """Knows which sensors are there."""

    there = set()

    def open(self):
        self.there.add(self)

    def on_close(self):
        self.there.discard(self)


class MobileSensor(Sensor):
    """Is asked often, and has long to answer."""

    ping_interval = 10
    ping_timeout = 60


class Timed(websocket.WebSocketHandler):
    """Measures how long a ping takes."""

    latency = None

    def on_message(self, message):
        self.ping(struct.pack("!d", time.time()))

    def on_pong(self, data):
        if len(data) == 8:
            self.latency = time.time() - struct.unpack("!d", data)[0]
            self.write_message({"latency": self.latency})


class Noticing(websocket.WebSocketClientConnection):
    """A client that knows when it last heard of the server."""

    heard = None

    def on_ping(self, data):
        self.heard = time.time()


async def connect(url):
    return await websocket.websocket_connect(url, ping_interval=20, ping_timeout=60)


def make_app(**settings):
    settings.setdefault("websocket_ping_interval", 20)
    settings.setdefault("websocket_ping_timeout", 20)
    return Application([
        ("/sensor", Sensor), ("/mobile", MobileSensor), ("/timed", Timed)], **settings)
