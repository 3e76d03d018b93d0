"""tornado.websocket and tornado_ws.websocket: the same program for both (``--module``)."""
from __future__ import absolute_import, division, print_function

import importlib
import sys

import common
import in_process
import tornado
from tornado import gen
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application

if sys.version_info >= (3,) and tornado.version_info >= (4, 5):
    import tornado_native as coroutines
else:
    import tornado_generator as coroutines

ARGS = common.arguments()
common.use_loop(ARGS.loop)
websocket = importlib.import_module(ARGS.module)


class Handler(websocket.WebSocketHandler):
    connections = set()

    def open(self):
        self.set_nodelay(True)
        self.count = 0
        self.connections.add(self)

    def on_close(self):
        self.connections.discard(self)

    def get_compression_options(self):
        return {} if ARGS.deflate else None


class Echo(Handler):
    def on_message(self, message):
        self.write_message(message, isinstance(message, bytes))


class EchoAsync(Handler):
    on_message = coroutines.echo_message


class Count(Handler):
    def on_message(self, message):
        self.count += 1
        if not self.count % ARGS.every:
            self.write_message(str(self.count))


class Send(Handler):
    drain_every = common.DRAIN_EVERY

    @gen.coroutine
    def on_message(self, message):
        for i in range(1, ARGS.copies + 1):
            future = self.write_message(message, True)
            if not i % self.drain_every:
                yield future


class SendEach(Send):
    drain_every = 1


class SendTurns(Handler):
    @gen.coroutine
    def on_message(self, message):
        for _ in range(ARGS.copies):
            self.write_message(message, True)
            yield gen.moment


class SendNagle(SendTurns):
    def open(self):
        super(SendNagle, self).open()
        self.set_nodelay(False)


class FanOut(Handler):
    def on_message(self, message):
        for connection in self.connections:
            connection.write_message(message)


class FanOutBroadcast(Handler):
    def on_message(self, message):
        websocket.broadcast(self.connections, message)


HANDLERS = {"echo": Echo, "echo_async": EchoAsync, "count": Count, "send": Send,
            "send_each": SendEach, "send_turns": SendTurns, "send_nagle": SendNagle,
            "fanout": FanOut, "fanout_broadcast": FanOutBroadcast}


def serve():
    application = Application([("/", HANDLERS[ARGS.mode])],
                              websocket_max_message_size=common.MAX_MESSAGE)
    server = HTTPServer(application, ssl_options=common.tls_context(ARGS.tls))
    if ARGS.in_process:
        listener = common.bind()
        server.add_socket(listener)
        in_process.drive_server(ARGS, in_process.tornado_turn(IOLoop.current()), listener)
    else:
        server.add_socket(common.listen())
        IOLoop.current().start()


class Counter(object):
    """Counts by ``on_message_callback``."""

    def __init__(self):
        self.count = 0
        self.connection = websocket.websocket_connect(
            ARGS.client, on_message_callback=self.on_message)

    def on_message(self, message):
        if message is None:
            IOLoop.current().stop()
            return
        self.count += 1
        if not self.count % ARGS.every:
            self.connection.result().write_message(str(self.count))


def connect():
    if ARGS.mode == "count_callback":
        Counter()
        IOLoop.current().start()
    else:
        IOLoop.current().run_sync(lambda: use_connection(ARGS.client))


def use_connection(url):
    function = coroutines.count if ARGS.mode == "count" else coroutines.echo
    return function(websocket.websocket_connect(url), ARGS.every)


def connect_in_process():
    listener, io_loop = common.bind(), IOLoop.current()
    for _ in range(ARGS.conns):
        io_loop.add_callback(use_connection, "ws://127.0.0.1:%d/" % listener.getsockname()[1])
    in_process.drive_clients(ARGS, in_process.tornado_turn(io_loop), listener)


if __name__ == "__main__":
    if not ARGS.client:
        serve()
    elif ARGS.in_process:
        connect_in_process()
    else:
        connect()
