"""Several processes on one port: docs/howto/several_processes.rst.

    python several_processes.py PORT COUNT
"""
import asyncio
import os
import signal
import sys

from tornado import process
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from tornado_ws import websocket


class Who(websocket.WebSocketHandler):
    """Says which process serves it."""

    def open(self):
        self.write_message({"process": process.task_id(), "pid": os.getpid()})


async def serve(sockets):
    """Serves until SIGTERM; then says goodbye, and waits until the last client is gone."""
    application = Application([("/who", Who)])
    server = HTTPServer(application)
    server.add_sockets(sockets)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.stop()
    await websocket.close_all_connections(application, reason="the server stops", timeout=5)


def main(port, count):
    sockets = bind_sockets(port, "127.0.0.1")
    process.fork_processes(count, max_restarts=0)
    # From here on there are COUNT processes. Only now may there be a loop.
    asyncio.run(serve(sockets))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
