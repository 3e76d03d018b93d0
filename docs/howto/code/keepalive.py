"""Keepalive: docs/howto/keepalive.rst."""
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
    """Says how long a ping takes."""

    async def on_message(self, message):
        seconds = await self.measure_latency()
        self.write_message({"now": seconds, "at the last keepalive": self.latency})


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
