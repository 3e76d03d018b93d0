"""A room: docs/howto/broadcast.rst."""
import asyncio
import signal
import sys

from tornado.web import Application

from tornado_ws import websocket


class Room(websocket.WebSocketHandler):
    max_buffered_amount = 1024 * 1024  # who leaves more unread is closed with 1008

    def on_message(self, message):
        if message == "/who":
            for member in websocket.open_connections(self.application):
                seconds = member.latency
                self.write_message("%s: %s" % (
                    member.request.remote_ip,
                    "?" if seconds is None else "%.1f ms" % (1000 * seconds)))
        else:
            websocket.broadcast(websocket.open_connections(self.application), message)


async def main(port):
    application = Application(
        [("/room", Room)], websocket_ping_interval=20, websocket_max_connections=10000)
    server = application.listen(port, address="127.0.0.1")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.stop()
    cut = await websocket.close_all_connections(application, reason="bye", timeout=3)
    print("stopped; cut off:", cut)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
