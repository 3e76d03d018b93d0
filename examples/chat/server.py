"""A chat: run ``python examples/chat/server.py --port 8888``, go to http://127.0.0.1:8888/.

With ``--redis redis://HOST/`` any number of such processes, on any number of machines, are one
chat.

A client connects to ``/chat?name=NAME&after=ID``, where ID is that of the last message it has
seen; it may be left out. It sends ``{"key": ..., "text": ...}``, with a key that it makes up for
each message, and receives

* ``{"type": "message", "id": ..., "name": ..., "text": ...}`` for every message after ID,
* ``{"type": "ack", "key": ..., "id": ...}`` when its own message is kept.
"""
import argparse
import asyncio
import json
import logging
import pathlib
import re
import signal

from hub import FIRST, MemoryHub
from tornado import web

from tornado_ws import websocket

PAGE = pathlib.Path(__file__).with_name("page.html").read_text(encoding="utf-8")

CLOSE_POLICY_VIOLATION = 1008
CLOSE_INTERNAL_ERROR = 1011

PING_SECONDS = 20
GOODBYE_SECONDS = 1
MAX_BYTES = 16 * 1024
MAX_KEY = 64


def parse(message):
    """Return the key and the text that a client's message holds, or None if it is no such thing."""
    try:
        fields = json.loads(message)
        key, text = fields["key"], fields["text"]
        text.encode("utf-8"), key.encode("utf-8")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (key, text) if 0 < len(key) <= MAX_KEY else None


class Chat(websocket.WebSocketHandler):
    """One client: what it says goes to the hub, what is in the hub goes to it."""

    max_message_size = MAX_BYTES

    def initialize(self, hub):
        """Take what the application has for all handlers."""
        self.hub = hub
        self.reading = None

    def prepare(self):
        """Refuse an id that is none with a 400, before the handshake."""
        self.name = self.get_query_argument("name", "guest")[:MAX_KEY]
        self.after = self.get_query_argument("after", FIRST)
        if not re.match(r"[0-9]{1,20}-[0-9]{1,20}\Z", self.after):
            raise web.HTTPError(400)

    def open(self):
        """Start to read the hub; what the client says can be heard at once."""
        self.reading = asyncio.ensure_future(self.read_hub())

    async def read_hub(self):
        """Send what is in the hub, as fast as the client takes it."""
        try:
            while True:
                for message in await self.hub.read(self.after):
                    self.after = message["id"]
                    await self.write_message(dict(message, type="message"))
        except websocket.WebSocketClosedError:
            pass  # It comes back, perhaps to another process, and says where to go on.
        except Exception:
            logging.exception("reading for %s", self.name)
            self.close(CLOSE_INTERNAL_ERROR)

    async def on_message(self, message):
        """Keep a message, then acknowledge it.

        The next message of this client waits meanwhile, and if Redis is away for long, so does the
        client: it can send no more than fits into the buffers.
        """
        parsed = parse(message)
        if parsed is None:
            self.close(CLOSE_POLICY_VIOLATION, "not a message")
            return
        key, text = parsed
        message_id = await self.hub.add(key, self.name, text)
        try:
            await self.write_message({"type": "ack", "key": key, "id": message_id})
        except websocket.WebSocketClosedError:
            pass  # It sends the message again, with the same key.

    def on_close(self):
        """Stop to read the hub."""
        if self.reading is not None:
            self.reading.cancel()


class Page(web.RequestHandler):
    """The page in which people chat."""

    def get(self):
        """Answer with the page."""
        self.write(PAGE)


async def serve(port, address, hub):
    """Serve the chat until SIGINT or SIGTERM, or until the hub fails."""
    application = web.Application(
        [("/", Page), ("/chat", Chat, {"hub": hub})],
        websocket_ping_interval=PING_SECONDS)
    running = asyncio.ensure_future(hub.run())
    server = application.listen(port, address=address)
    print("http://%s:%d/" % (address, port), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, running], return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await websocket.close_all_connections(application, timeout=GOODBYE_SECONDS)
    if not stopping.done():
        running.result()  # raises why


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description="A chat, in one process or in many.")
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--address", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--redis", metavar="URL", help="redis://HOST:PORT/DB, for many processes")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(start(arguments))


async def start(arguments):
    """Make the hub that is asked for and serve."""
    if arguments.redis:
        from redis_hub import RedisHub
        hub = RedisHub(arguments.redis)
    else:
        hub = MemoryHub()
    await serve(arguments.port, arguments.address, hub)


if __name__ == "__main__":
    main()
