"""Stays connected through a proxy, whatever becomes of the server."""
import sys

from tornado.ioloop import IOLoop

from tornado_ws.websocket import websocket_connect


async def follow(url, proxy):
    async for conn in websocket_connect(url, proxy=proxy, ping_interval=20):
        print("connected", flush=True)
        async for message in conn:
            print(message, flush=True)
        print("closed with", conn.close_code, flush=True)

if __name__ == "__main__":
    IOLoop.current().run_sync(lambda: follow(*sys.argv[1:]))
