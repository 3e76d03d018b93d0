"""What a connection costs: docs/operations/limits.rst.

    python memory.py [COUNT]

One process serves, another one opens COUNT connections, and each row is the growth of the server's
resident memory by connection. Linux only. The kernel's memory for the sockets comes on top.
"""
import asyncio
import os
import resource
import socket
import struct
import subprocess
import sys
import zlib

from tornado.httpclient import HTTPClient
from tornado.web import Application, RequestHandler

from tornado_ws import websocket

WARM = 50  # connections before the first look, for what is allocated once
HEAD = ("GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
THRIFTY = {"server_max_window_bits": 12, "client_max_window_bits": 12, "mem_level": 5}
ALONE = {"server_no_context_takeover": True, "client_no_context_takeover": True}


class Echo(websocket.WebSocketHandler):

    def initialize(self, compression=None, ping_interval=None):
        self.compression = compression

    def get_compression_options(self):
        return self.compression

    def on_message(self, message):
        self.write_message(message)


class Pinged(Echo):
    ping_interval = 60


class Waiting(Echo):
    """Has a megabyte that its client does not read, and the kernel does not take."""

    def open(self):
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(16):
            self.write_message(b"x" * 65536, binary=True)


class Memory(RequestHandler):
    def get(self):
        with open("/proc/self/statm") as file:
            self.write(str(int(file.read().split()[1]) * resource.getpagesize()))


#: What is measured: a name, a path, the characters of the one message that goes each way.
ROWS = [("idle", "/plain", 0), ("idle, with pings", "/pinged", 0),
        ("after 100 bytes each way", "/plain", 100),
        ("after 64 KiB each way", "/plain", 65536),
        ("deflate, idle", "/deflate", 0),
        ("deflate, after 100 bytes each way", "/deflate", 100),
        ("deflate, after 64 KiB each way", "/deflate", 65536),
        ("deflate with thrifty options, after 64 KiB", "/thrifty", 65536),
        ("deflate, no context takeover, after 64 KiB", "/alone", 65536),
        ("1 MiB that the client does not read", "/waiting", 0)]


async def serve():
    server = Application([
        ("/plain", Echo), ("/pinged", Pinged), ("/waiting", Waiting), ("/memory", Memory),
        ("/deflate", Echo, {"compression": {}}), ("/thrifty", Echo, {"compression": THRIFTY}),
        ("/alone", Echo, {"compression": ALONE})]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()


def dial(port, path, size):
    """Opens a connection, and has a message of hexadecimal digits go each way."""
    sock = socket.socket()
    if path == "/waiting":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    file = sock.makefile("rb")
    sock.sendall((HEAD % path).encode())
    deflate = any([b"permessage-deflate" in line for line in iter(file.readline, b"\r\n")])
    if size:
        data = os.urandom(size // 2).hex().encode()
        if deflate:
            packer = zlib.compressobj(wbits=-12)
            data = (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        length = (struct.pack("!B", 0x80 | len(data)) if len(data) < 126
                  else struct.pack("!BH", 0x80 | 126, len(data)) if len(data) < 65536
                  else struct.pack("!BQ", 0x80 | 127, len(data)))
        sock.sendall((b"\xc1" if deflate else b"\x81") + length + bytes(4) + data)
        length = file.read(2)[1]
        file.read(length if length < 126 else
                  int.from_bytes(file.read(2 if length == 126 else 8), "big"))
    return file, sock


def measure(path, size, count):
    """Returns the bytes for one connection, in a server of its own."""
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE)
    client = HTTPClient()
    try:
        port = int(server.stdout.readline())
        memory = "http://127.0.0.1:%d/memory" % port
        opened = [dial(port, path, size) for _ in range(WARM)]
        before = int(client.fetch(memory).body)
        opened += [dial(port, path, size) for _ in range(count)]
        after = int(client.fetch(memory).body)
        for file, sock in opened:
            file.close()
            sock.close()
        return (after - before) / count
    finally:
        client.close()
        server.kill()
        server.communicate()


def main(count):
    for name, path, size in ROWS:
        used = measure(path, size, min(count, 200) if path == "/waiting" else count)
        print("%-42s %7.1f KiB" % (name, used / 1024), flush=True)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
