"""An ASGI application on uvicorn or granian (``--module``), whose own threads are counted too."""
import asyncio
import importlib

import common

ARGS = common.arguments()
SENDERS = set()


async def read(receive):
    """Gives the messages of a connection as the keyword arguments that send them."""
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        if event["type"] == "websocket.receive":
            kind = "bytes" if event.get("text") is None else "text"
            yield {"type": "websocket.send", kind: event[kind]}


async def echo(receive, send):
    async for message in read(receive):
        await send(message)


async def count(receive, send):
    number = 0
    async for _ in read(receive):
        number += 1
        if not number % ARGS.every:
            await send({"type": "websocket.send", "text": str(number)})


async def send_copies(receive, send):
    async for message in read(receive):
        for _ in range(ARGS.copies):
            await send(message)


async def fanout(receive, send):
    SENDERS.add(send)
    async for message in read(receive):
        for one in SENDERS:
            await one(message)
    SENDERS.discard(send)


HANDLERS = {"echo": echo, "count": count, "send": send_copies, "fanout": fanout}


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await HANDLERS[ARGS.mode](receive, send)


async def run_uvicorn(uvicorn):
    config = uvicorn.Config(
        application, log_level="critical", lifespan="off", loop="asyncio",
        ws_max_size=common.MAX_MESSAGE, ws_ping_interval=None,
        ws_per_message_deflate=ARGS.deflate)
    await uvicorn.Server(config).serve(sockets=[common.listen()])


async def run_granian(granian):
    embed = importlib.import_module("granian.server.embed")
    sock = common.bind()
    port = sock.getsockname()[1]
    sock.close()  # it opens its own
    server = embed.Server(application, port=port, backlog=common.BACKLOG, log_enabled=False,
                          interface=granian.constants.Interfaces.ASGINL)
    server.on_startup(lambda: print(port, flush=True))
    await server.serve()


if __name__ == "__main__":
    run = {"uvicorn": run_uvicorn, "granian": run_granian}[ARGS.module]
    asyncio.run(run(importlib.import_module(ARGS.module)))
