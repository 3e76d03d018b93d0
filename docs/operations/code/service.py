"""A server that systemd runs: docs/operations/restart.rst.

    python service.py [PORT]
"""
import asyncio
import os
import signal
import socket
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tornado_ws import websocket


class Echo(websocket.WebSocketHandler):
    """Sends every message back."""

    def on_message(self, message):
        return self.write_message(message, binary=isinstance(message, bytes))


class Alive(RequestHandler):
    """For a load balancer: it answers while the loop turns."""

    def get(self):
        self.write("alive\n")


def listening_sockets(port):
    """Returns the sockets that systemd has opened for this process, or else our own."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return bind_sockets(port, "127.0.0.1")
    sockets = [socket.socket(fileno=3 + n) for n in range(int(os.environ["LISTEN_FDS"]))]
    for each in sockets:
        each.setblocking(False)
    return sockets


async def main(port):
    application = Application(
        [("/echo", Echo), ("/alive", Alive)],
        websocket_ping_interval=25, websocket_max_connections=50000)
    server = HTTPServer(application)
    server.add_sockets(listening_sockets(port))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.stop()
    cut = await websocket.close_all_connections(
        application, reason="the server restarts", timeout=5)
    print("stopped; cut off:", cut)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
