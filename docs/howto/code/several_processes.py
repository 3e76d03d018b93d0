"""Several processes on one port: docs/howto/several_processes.rst.

    python several_processes.py PORT COUNT
"""
import os
import signal
import sys

from tornado import gen, process
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application

from tornado_ws import websocket


class Who(websocket.WebSocketHandler):
    """Says which process serves it."""

    clients = set()

    def open(self):
        self.clients.add(self)
        self.write_message({"process": process.task_id(), "pid": os.getpid()})

    def on_close(self):
        self.clients.discard(self)


async def stop_when(told, server):
    """Once ``told``: takes no more connections, says goodbye, waits until the last one is gone."""
    while not told:
        await gen.sleep(0.1)
    server.stop()
    for client in list(Who.clients):
        client.close(1001, "the server stops")
    while Who.clients:  # 5 seconds at most: then a client is dropped
        await gen.sleep(0.05)
    IOLoop.current().stop()


def main(port, count):
    sockets = bind_sockets(port, "127.0.0.1")
    process.fork_processes(count, max_restarts=0)
    # From here on there are COUNT processes. Only now may there be an IOLoop.
    server = HTTPServer(Application([("/who", Who)]))
    server.add_sockets(sockets)
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append("to stop"))
    IOLoop.current().add_callback(stop_when, told, server)
    IOLoop.current().start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
