"""A client of the chat that loses nothing: it comes back, goes on where it was, and sends again.

``python examples/chat/client.py NAME ws://127.0.0.1:8888/chat [URL ...]`` sends the lines typed.
"""
import asyncio
import collections
import json
import sys
import urllib.parse
import uuid

from tornado import httpclient

from tornado_ws import websocket

RETRY_SECONDS = 0.2
CONNECT_SECONDS = 5
PING_SECONDS = 5


class Client:
    """A member of the chat.

    Attributes:
        seen: The id of the last message received; None before the first.
        unacknowledged: The texts that were sent and are not known to be kept, by key.
        connections: How many connections there were so far.
    """

    def __init__(self, name, urls, on_message):
        self.seen = None
        self.unacknowledged = collections.OrderedDict()
        self.connections = 0
        self._name = name
        self._urls = collections.deque(urls)
        self._on_message = on_message
        self._connection = None
        self._done = {}

    def send(self, text):
        """Send a text; the Future resolves with its id when it is acknowledged."""
        key = uuid.uuid4().hex
        self.unacknowledged[key] = text
        self._done[key] = asyncio.get_running_loop().create_future()
        if self._connection is not None:
            self._write(key)
        return self._done[key]

    async def run(self):
        """Be connected, to one of the URLs after the other, until it is cancelled."""
        while True:
            try:
                await self._converse()
            except (OSError, httpclient.HTTPError, websocket.WebSocketError):
                pass
            self._connection = None
            self._urls.rotate(-1)
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self):
        """Receive what comes over one connection."""
        query = {"name": self._name}
        if self.seen is not None:
            query["after"] = self.seen
        async with websocket.websocket_connect(
                self._urls[0] + "?" + urllib.parse.urlencode(query),
                connect_timeout=CONNECT_SECONDS, ping_interval=PING_SECONDS) as connection:
            self._connection = connection
            self.connections += 1
            for key in self.unacknowledged:
                self._write(key)
            async for text in connection:
                self._take(json.loads(text))

    def _write(self, key):
        message = json.dumps({"key": key, "text": self.unacknowledged[key]})
        try:
            self._connection.write_message(message)
        except websocket.WebSocketClosedError:
            pass  # It is sent again over the next connection.

    def _take(self, message):
        if message["type"] == "message":
            self.seen = message["id"]
            self._on_message(message)
        elif message["key"] in self.unacknowledged:
            del self.unacknowledged[message["key"]]
            self._done.pop(message["key"]).set_result(message["id"])


async def main(name, *urls):
    """Send the lines of stdin and print what the chat says."""
    client = Client(name, urls, lambda message: print("%(name)s: %(text)s" % message, flush=True))
    running = asyncio.ensure_future(client.run())
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        await client.send(line.rstrip("\n"))
    running.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
