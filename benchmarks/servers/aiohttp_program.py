"""aiohttp, with its C extensions."""
import asyncio

import common
from aiohttp import ClientSession, WSMsgType, web

ARGS = common.arguments()
CONNECTIONS = set()


async def echo(ws):
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        else:
            await ws.send_str(message.data)


async def count(ws):
    number = 0
    async for _ in ws:
        number += 1
        if not number % ARGS.every:
            await ws.send_str(str(number))


async def send(ws):
    async for message in ws:
        for _ in range(ARGS.copies):
            await ws.send_bytes(message.data)


async def fanout(ws):
    CONNECTIONS.add(ws)
    async for message in ws:
        for connection in CONNECTIONS:
            await connection.send_str(message.data)
    CONNECTIONS.discard(ws)


HANDLERS = {"echo": echo, "count": count, "send": send, "fanout": fanout}


async def handle(request):
    ws = web.WebSocketResponse(compress=ARGS.deflate, max_msg_size=0)
    await ws.prepare(request)
    await HANDLERS[ARGS.mode](ws)
    return ws


async def serve():
    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, common.listen(), ssl_context=common.tls_context(ARGS.tls)).start()
    await asyncio.Event().wait()


async def connect():
    async with ClientSession() as session:
        async with session.ws_connect(ARGS.client, max_msg_size=0) as ws:
            await HANDLERS[ARGS.mode](ws)


if __name__ == "__main__":
    asyncio.run(connect() if ARGS.client else serve())
