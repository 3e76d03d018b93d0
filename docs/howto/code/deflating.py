"""Compression: docs/howto/compression.rst."""
from tornado.web import Application

from tornado_ws import websocket


class Feed(websocket.WebSocketHandler):
    """Sends long texts that are like each other."""

    def get_compression_options(self):
        return {}

    def on_message(self, message):
        return self.write_message(message)


class ThriftyFeed(Feed):
    """For many clients at a time: less memory for each, and no work for short messages."""

    def get_compression_options(self):
        return {
            "compression_level": 3,
            "mem_level": 5,
            "server_max_window_bits": 12,
            "client_max_window_bits": 12,
            "min_size": 128,
        }


def compress_faster():
    """Lets ISA-L compress: call it before the server is started."""
    from isal import isal_zlib

    websocket.set_deflate_backend(isal_zlib)


def make_app():
    return Application([("/feed", Feed), ("/thrifty", ThriftyFeed)])


async def ask(url, text):
    """Sends a text to a feed and returns the answer."""
    async with websocket.websocket_connect(url, compression_options={}) as conn:
        await conn.write_message(text)
        return await conn.read_message()
