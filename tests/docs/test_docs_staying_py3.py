"""``docs/howto/code/staying.py`` stays connected through a proxy while the server is restarted."""
import os
import socket
import subprocess
import sys

from docs_case_py3 import DOCS, TIMEOUT
from free_port import free_port
from tornado import gen, netutil, tcpserver
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError
from tornado.process import Subprocess
from tornado.testing import bind_unused_port
from tornado.web import Application

from tornado_ws import websocket

PROGRAM = os.path.join(DOCS, "howto", "code", "staying.py")


class Greeter(websocket.WebSocketHandler):
    """Says which server it is."""

    def initialize(self, name, handlers):
        self.name = name
        handlers.append(self)

    def open(self):
        self.write_message(self.name)


class Proxy(tcpserver.TCPServer):
    """An HTTP proxy: counts what it was asked, and says 502 when there is no server."""

    asked = 0
    serving = 0

    async def pump(self, source, target):
        try:
            while True:
                await target.write(await source.read_bytes(65536, partial=True))
        except StreamClosedError:
            target.close()

    def handle_stream(self, stream, address):
        """Serve one client."""
        return gen.convert_yielded(self.serve(stream))

    async def serve(self, stream):
        self.serving += 1
        try:
            await self.forward(stream)
        except StreamClosedError:
            pass
        finally:
            self.serving -= 1

    async def forward(self, stream):
        head = await stream.read_until(b"\r\n\r\n")
        host, _, port = head.split()[1].partition(b":")
        self.asked += 1
        target = IOStream(socket.socket())
        try:
            await target.connect((host.decode(), int(port)))
        except OSError:
            await stream.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            stream.close()
            return
        await stream.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await gen.multi([self.pump(stream, target), self.pump(target, stream)])


def start_server(name, port):
    handlers = []
    server = HTTPServer(Application([("/", Greeter, {"name": name, "handlers": handlers})]))
    server.add_sockets(netutil.bind_sockets(port, "127.0.0.1"))
    return server, handlers


async def restart():
    port = free_port()
    proxy = Proxy()
    listener, proxy_port = bind_unused_port()
    proxy.add_socket(listener)
    client = Subprocess(
        [sys.executable, PROGRAM, "ws://127.0.0.1:%d/" % port,
         "http://127.0.0.1:%d" % proxy_port], stdout=Subprocess.STREAM, stderr=subprocess.PIPE)
    try:
        lines = []
        for name in ("first", "second"):
            asked = proxy.asked
            while proxy.asked < asked + 1:  # there is no server: it goes on
                assert client.proc.poll() is None, client.stderr.read()
                await gen.sleep(0.01)
            server, handlers = start_server(name, port)
            for _ in range(2):
                lines.append((await client.stdout.read_until(b"\n")).decode().strip())
            server.stop()
            handlers[0].close(1001)
            lines.append((await client.stdout.read_until(b"\n")).decode().strip())
        assert lines == ["connected", "first", "closed with 1001",
                         "connected", "second", "closed with 1001"]
        assert client.proc.poll() is None
    finally:
        client.proc.kill()
        client.proc.wait()
        client.proc.stderr.close()
        client.stdout.close()
        proxy.stop()
        while proxy.serving:
            await gen.sleep(0.01)


def test_the_server_is_restarted():
    loop = IOLoop(make_current=False)
    loop.run_sync(restart, timeout=TIMEOUT)
    loop.close()


def test_it_has_fifteen_lines():
    with open(PROGRAM) as file:
        assert len([line for line in file if line.strip()]) <= 15
