"""What mypy has to refuse: an ignore that is not needed is an error under ``--strict``.

It is checked and never run.
"""
from __future__ import annotations

import tornado_ws
from tornado_ws.websocket import WebSocketHandler, websocket_connect


class WrongHandler(WebSocketHandler):

    def check_origin(self, origin: bytes) -> bool:  # type: ignore[override]
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> int:  # type: ignore[override]
        return 0

    def open(self) -> int:  # type: ignore[override]
        return 1

    def on_message(self, message: str) -> None:
        self.write_message(1)  # type: ignore[arg-type]
        self.write_message(["list"])  # type: ignore[arg-type]
        self.write_message(message, binary="yes")  # type: ignore[arg-type]
        self.ping(5)  # type: ignore[arg-type]
        self.close("1000")  # type: ignore[arg-type]
        self.close(reason=b"bye")  # type: ignore[arg-type]
        self.write_message(message).result("5")  # type: ignore[arg-type]
        self.close().result("5")  # type: ignore[arg-type]
        self.ws_connection.write_message("x")  # type: ignore[union-attr]
        self.close_code + 1  # type: ignore[operator]


async def use_a_client_wrongly() -> None:
    websocket_connect()  # type: ignore[call-arg]
    websocket_connect(b"ws://localhost")  # type: ignore[arg-type]
    websocket_connect("ws://localhost", timeout=3)  # type: ignore[call-arg]
    conn = websocket_connect("ws://localhost")
    conn.write_message("not connected yet")  # type: ignore[attr-defined]
    message = await (await conn).read_message()
    message.upper()  # type: ignore[union-attr]
    tornado_ws.install("now")  # type: ignore[call-arg]
