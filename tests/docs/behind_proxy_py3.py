"""What a client sees of a server behind a proxy, whichever that is."""
import os

from tornado import gen

from tornado_ws import websocket


async def connect_when_it_listens(proxy, request, **kwargs):
    """Connect through a proxy, a process that was started just now."""
    while True:
        try:
            return await websocket.websocket_connect(request, **kwargs)
        except ConnectionRefusedError:
            assert proxy.poll() is None, proxy.stderr.read()
            await gen.sleep(0.01)


async def check_messages(case, conn):
    """Check that messages of all kinds come back, and the closing handshake."""
    case.assertEqual(conn.headers["Sec-WebSocket-Extensions"], "permessage-deflate")
    for message in ("text", b"\x00\xff", "x" * 1000000, os.urandom(1000000)):
        conn.write_message(message, binary=isinstance(message, bytes))
        case.assertEqual(await conn.read_message(), message)
    conn.close(1000)
    case.assertIsNone(await conn.read_message())
    case.assertEqual(conn.close_code, 1000)


async def check_silence(case, conn):
    """Check that a connection is cut that nobody uses."""
    case.assertIsNone(await conn.read_message())
    case.assertIsNone(conn.close_code)


async def check_pings(case, connect):
    """Check that pings keep a connection alive beyond the proxy's time limit."""
    pings = []

    class Client(websocket.WebSocketClientConnection):
        def on_ping(self, data):
            pings.append(data)

    conn = await connect("/ws", connection_class=Client)
    while len(pings) < 8:
        await gen.sleep(0.01)
    conn.write_message("still there")
    case.assertEqual(await conn.read_message(), "still there")
    conn.close()
