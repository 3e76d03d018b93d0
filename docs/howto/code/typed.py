"""What a type checker is told after install(): docs/howto/migrate.rst."""
from typing import TYPE_CHECKING

import tornado_ws

if TYPE_CHECKING:
    from tornado_ws import websocket
else:
    tornado_ws.install()
    from tornado import websocket


async def ask(url: str) -> "str | bytes | None":
    async with websocket.websocket_connect(url) as conn:
        await conn.write_message("hello")
        return await conn.read_message()
