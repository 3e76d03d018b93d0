"""websockets, and picows.websockets, which has the same API (``--module``)."""
import asyncio
import importlib
import logging

import common

ARGS = common.arguments()
logging.disable(logging.CRITICAL)  # handshakes are logged otherwise
websockets = importlib.import_module(ARGS.module)
OPTIONS = {"compression": "deflate" if ARGS.deflate else None, "max_size": None,
           "ping_interval": None, "max_queue": None}
CONNECTIONS = set()


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def count(ws):
    number = 0
    async for _ in ws:
        number += 1
        if not number % ARGS.every:
            await ws.send(str(number))


async def send(ws):
    async for message in ws:
        for _ in range(ARGS.copies):
            await ws.send(message)


async def fanout(ws):
    CONNECTIONS.add(ws)
    async for message in ws:
        websockets.broadcast(CONNECTIONS, message)
    CONNECTIONS.discard(ws)


HANDLERS = {"echo": echo, "count": count, "send": send, "fanout": fanout}


async def serve():
    server = await websockets.serve(HANDLERS[ARGS.mode], sock=common.listen(),
                                    ssl=common.tls_context(ARGS.tls), **OPTIONS)
    await server.serve_forever()


async def connect():
    async with websockets.connect(ARGS.client, **OPTIONS) as ws:
        await HANDLERS[ARGS.mode](ws)


if __name__ == "__main__":
    asyncio.run(connect() if ARGS.client else serve())
