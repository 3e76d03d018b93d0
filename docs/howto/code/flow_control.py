"""Flow control and slow clients: docs/howto/flow_control.rst."""
from tornado.web import Application

from tornado_ws import websocket


class Export(websocket.WebSocketHandler):
    """Sends no faster than the client reads."""

    async def on_message(self, message):
        for number in range(int(message)):
            await self.write_message("row %d" % number)
        self.close(1000, "that is all")


class Ticker(websocket.WebSocketHandler):
    """Sends the same to all, and waits for nobody: a slow client misses ticks."""

    MAX_BUFFERED = 1024 * 1024
    clients = set()

    def open(self):
        self.missed = 0
        self.clients.add(self)

    def on_close(self):
        self.clients.discard(self)

    def tick(self, text):
        if self.buffered_amount > self.MAX_BUFFERED:
            self.missed += 1
            return
        try:
            self.write_message(text)
        except websocket.WebSocketClosedError:
            pass  # on_close follows

    @classmethod
    def tick_all(cls, text):
        for client in list(cls.clients):
            client.tick(text)


class Bounded(websocket.WebSocketHandler):
    """Closes a client for whom more than 1 MiB would wait."""

    max_buffered_amount = 1024 * 1024

    def on_message(self, message):
        for _ in range(int(message)):
            self.write_message(b"x" * 65536, binary=True)


class Worker(websocket.WebSocketHandler):
    """Takes the next message when the one before is done."""

    async def on_message(self, message):
        result = await self.work(message)
        await self.write_message(result)

    async def work(self, message):
        return message[::-1]


def make_app():
    return Application([
        ("/export", Export), ("/ticker", Ticker), ("/bounded", Bounded), ("/worker", Worker)])
