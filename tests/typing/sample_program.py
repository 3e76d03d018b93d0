"""What a user's program may look like: mypy accepts it, and it runs (Tornado 6, Python 3.10).

A server with a chat in the style of Tornado 4.3, an echo of coroutines, and clients for both.
``python sample_program.py`` lets them talk to each other and ends.
"""
from __future__ import annotations

import asyncio
import threading
from typing import Any

import tornado.websocket
from tornado import gen, httpclient, httpserver, netutil, web
from tornado.concurrent import Future
from tornado.ioloop import IOLoop
from typing_extensions import assert_type

import tornado_ws
from tornado_ws import websocket
from tornado_ws.websocket import (WebSocketClientConnection, WebSocketClosedError, WebSocketHandler,
                                  websocket_connect)

Message = str | bytes


class ChatHandler(WebSocketHandler):
    """Callbacks, as they were in Tornado 4.3."""

    members: dict[str, set[ChatHandler]] = {}
    serial_messages = True
    room: str

    def check_origin(self, origin: str) -> bool:
        return origin.endswith(".example.com") or super().check_origin(origin)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "chat" if "chat" in subprotocols else None

    def get_compression_options(self) -> dict[str, Any] | None:
        return {"compression_level": 6, "mem_level": 5, "client_no_context_takeover": True}

    @property
    def ping_interval(self) -> float:
        return 30

    def open(self, room: str) -> None:
        self.room = room
        self.members.setdefault(room, set()).add(self)
        self.set_nodelay(True)
        assert_type(self.selected_subprotocol, str | None)
        assert_type(self.open_args, tuple[str, ...])

    def on_message(self, message: Message) -> None:
        assert isinstance(message, str)
        for member in self.members[self.room]:
            try:
                member.write_message({"room": self.room, "text": message})
            except WebSocketClosedError:
                pass  # it is about to leave

    def on_pong(self, data: bytes) -> None:
        pass

    def on_close(self) -> None:
        self.members[self.room].discard(self)
        assert_type(self.close_code, int | None)
        assert_type(self.close_reason, str | None)


class EchoHandler(WebSocketHandler):
    """Coroutines."""

    async def prepare(self) -> None:
        await asyncio.sleep(0)
        self.set_header("X-Server", "sample")

    def get(self, *args: str, **kwargs: str) -> None:
        super().get(*args, **kwargs)

    async def open(self) -> None:
        await self.write_message("welcome")

    async def on_message(self, message: Message) -> None:
        if message == "bye":
            self.close(1000, "as you wish")
        elif message == "from a thread":
            threading.Thread(target=self.work).start()
        elif isinstance(message, bytes):
            future: Future[None] = self.write_message(bytearray(message), binary=True)
            await future
        else:
            self.ping("are you there")
            await self.write_message(message)

    def work(self) -> None:
        self.ping(b"from a thread").result(timeout=5)
        self.write_message("done by another thread").result(timeout=5)

    @gen.coroutine
    def on_ping(self, data: bytes) -> Any:
        yield gen.moment


class LoudClient(WebSocketClientConnection):
    """A connection of one's own kind."""

    def on_message(self, message: Message | None) -> Any:
        return super().on_message(message.upper() if message is not None else None)

    def write_message(
        self, message: Any, binary: bool = False, compress: bool | None = None
    ) -> Future[None]:
        return super().write_message(message, binary)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        super().close(code, reason)


def leave(conn: WebSocketClientConnection) -> None:
    """Say goodbye, from another thread than the loop's."""
    call = conn.write_message("leaving")
    if not call.cancel():
        call.result(timeout=5)
    conn.close(code=1000, reason="bye").result(timeout=5)


async def chat(base: str) -> list[Message]:
    """Connect as one did in Tornado 4.3, but for the coroutine."""
    request = httpclient.HTTPRequest(base + "/chat/lobby", headers={"X-User": "me"})
    connecting = websocket_connect(
        request, connect_timeout=5, compression_options={}, subprotocols=["chat"],
        ping_interval=20, ping_timeout=60, max_message_size=1 << 20)
    conn = await connecting
    assert_type(conn, WebSocketClientConnection)
    await conn.write_message("hello")
    message = await conn.read_message()
    assert_type(message, str | bytes | None)
    assert message is not None
    await asyncio.to_thread(leave, conn)
    while await conn.read_message() is not None:
        pass
    assert_type(conn.selected_subprotocol, str | None)
    assert_type(conn.close_code, int | None)
    return [message]


async def echo(base: str) -> list[Message]:
    """Connect as one does today."""
    received = []
    async with websocket_connect(base + "/echo", resolver=netutil.Resolver()) as conn:
        assert_type(conn, WebSocketClientConnection)
        for message in ("text", b"binary", memoryview(b"view"), {"a": 1}, "from a thread"):
            await conn.write_message(message, isinstance(message, (bytes, memoryview)))
        conn.ping(b"123")
        async for answer in conn:
            assert_type(answer, str | bytes)
            received.append(answer)
            if answer == "done by another thread":
                await conn.write_message("bye")
    return received


async def loud(base: str) -> list[Message]:
    """Connect with callbacks."""
    received: list[Message] = []
    closed = asyncio.Event()
    connected: list[WebSocketClientConnection] = []

    def on_connect(future: Future[WebSocketClientConnection]) -> None:
        connected.append(future.result())

    def on_message(message: Message | None) -> None:
        if message is None:
            closed.set()
        else:
            received.append(message)

    await websocket_connect(base + "/echo", IOLoop.current(), on_connect, 5, on_message)
    [conn] = connected
    await conn.write_message("bye")
    await closed.wait()
    conn = await websocket_connect(base + "/echo", connection_class=LoudClient)
    welcome = await conn.read_message()
    assert welcome is not None
    conn.close()
    return received + [welcome]


async def refused(base: str) -> str:
    try:
        await websocket_connect(base + "/none")
    except httpclient.HTTPError as error:
        return str(error.code)
    except (websocket.WebSocketError, tornado.websocket.WebSocketError, OSError) as error:
        return str(error)
    return "nothing"


async def main() -> None:
    application = web.Application(
        [(r"/chat/(\w+)", ChatHandler), ("/echo", EchoHandler)], websocket_max_message_size=1 << 20)
    server = httpserver.HTTPServer(application)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    base = "ws://127.0.0.1:%d" % sockets[0].getsockname()[1]
    print(await chat(base))
    print(await echo(base))
    print(await loud(base))
    print(await refused(base))
    server.stop()


if __name__ == "__main__":
    tornado_ws.install()
    tornado_ws.uninstall()
    print("tornado_ws", tornado_ws.__version__)
    asyncio.run(main())
