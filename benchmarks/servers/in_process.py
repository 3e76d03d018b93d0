"""Both ends in one process: a program drives itself, and only its loop's turns are timed.

The other ends are plain non-blocking sockets, which send and receive while the loop stands still:
no process wakes another one, so a figure repeats better than with two. Runs on Python 2.7 and 3.
"""
from __future__ import absolute_import, division, print_function

import errno
import json
import os
import socket
import struct
import sys
import time

import raw

REQUEST = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
HEAD_END = b"\r\n\r\n"
SIZE = 65536       # bytes read at once
LONGEST = 125      # bytes of a message: the frames here are short ones
MAX_TURNS = 10000  # for all answers to come; some implementations need several
TEXT, BINARY = 0x81, 0x82

cpu_time = getattr(time, "process_time", None) or time.clock


class Failed(Exception):
    """The program did not answer, or not what it should."""


def asyncio_turn(loop):
    """Returns a function that runs one turn of an asyncio loop."""
    def turn():
        loop.call_soon(loop.stop)
        loop.run_forever()
    return turn


def tornado_turn(io_loop):
    """Returns a function that runs one turn of an IOLoop."""
    if hasattr(io_loop, "asyncio_loop"):
        return asyncio_turn(io_loop.asyncio_loop)

    def turn():
        # such a loop runs callbacks before it looks for events
        io_loop.add_callback(io_loop.add_callback, io_loop.stop)
        io_loop.start()
    return turn


def read_messages(path):
    """Returns the messages of a file: each stands there after its size as 4 bytes."""
    messages = []
    with open(path, "rb") as f:
        for head in iter(lambda: f.read(4), b""):
            size, = struct.unpack("!I", head)
            if size > LONGEST:
                raise Failed("a message has %d bytes" % size)
            messages.append(f.read(size))
    return messages


def xor(key, data):
    """Returns the data masked with a key."""
    key = bytearray(key)
    return bytes(bytearray(byte ^ key[i & 3] for i, byte in enumerate(bytearray(data))))


def frame(first, message, masked):
    """Returns the frame of a short message."""
    if not masked:
        return struct.pack("BB", first, len(message)) + message
    key = os.urandom(4)
    return struct.pack("BB", first, 0x80 | len(message)) + key + xor(key, message)


def receive(sock):
    """Returns what has come, b"" if that is nothing."""
    try:
        return sock.recv(SIZE)
    except (IOError, OSError) as error:
        if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
            raise
        return b""


class Driver(object):
    """The other ends of all connections.

    Args:
        args: The program's command line, as `common.arguments` returns it.
        turn: Runs one turn of the program's loop.
        masked: Whether the program's frames are masked, because it is the client.
    """

    def __init__(self, args, turn, masked):
        self.args = args
        self.turn = turn
        self.masked = masked
        self.socks = []
        self.cpu = self.wall = 0.0
        self.received = self.sent = self.messages = self.counted = 0

    def connect(self, address):
        """Opens the connections to a server."""
        for _ in range(self.args.conns):
            sock = socket.create_connection(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(REQUEST)
            sock.setblocking(False)
            self.socks.append(sock)
        for sock in self.socks:
            if not self._read_head(sock).startswith(b"HTTP/1.1 101 "):
                raise Failed("the handshake was refused")

    def accept(self, listener):
        """Takes the connections of clients, which are connecting or will in the next turns."""
        while len(self.socks) < self.args.conns:
            self.timed_turn()
            try:
                sock = listener.accept()[0]
            except (IOError, OSError):
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(raw.response(self._read_head(sock)))
            self.socks.append(sock)
        for _ in range(2 * self.args.conns):  # Python 2 has no Future to wait for here
            self.turn()

    def _read_head(self, sock):
        head = b""
        for _ in range(MAX_TURNS):
            head += receive(sock)
            if head.endswith(HEAD_END):
                return head
            self.turn()
        raise Failed("no handshake came")

    def timed_turn(self):
        """Runs one turn and adds what it took."""
        wall, cpu = time.time(), cpu_time()
        self.turn()
        self.cpu += cpu_time() - cpu
        self.wall += time.time() - wall

    def send(self, socks, data):
        """Sends each of the sockets the same bytes, and lets the loop turn once."""
        for sock in socks:
            sock.send(data)
        self.sent += len(socks) * len(data)
        self.timed_turn()

    def expect(self, first, message):
        """Lets the loop turn until each connection has got one message and nothing else."""
        key = 4 if self.masked else 0
        size = 2 + key + len(message)
        head = struct.pack("BB", first, len(message) | (0x80 if key else 0))
        for sock in self.socks:
            data = receive(sock)
            for _ in range(MAX_TURNS):
                if len(data) >= size:
                    break
                self.timed_turn()
                data += receive(sock)
            payload = data[2 + key:]
            if key:
                payload = xor(data[2:6], payload)
            if data[:2] != head or payload != message:
                raise Failed("%r came instead of %r" % (payload, message))
            self.received += size

    def cycle(self, first, messages):
        """Sends each of the messages once, and checks the answers."""
        args, count = self.args, len(self.socks)
        socks = self.socks[:1] if args.mode.startswith("fanout") else self.socks
        for number, (message, data) in enumerate(messages, 1):
            self.send(socks, data)
            if args.mode != "count":
                self.expect(first, message)
            elif not number % args.every:
                self.counted += args.every
                self.expect(TEXT, str(self.counted).encode("ascii"))
            self.messages += count

    def run(self, seconds, first, messages):
        """Sends messages for a time; returns what it took, in the form of the load generator."""
        for _ in range(2):  # the first cycle does not count
            self.cpu = self.wall = 0.0
            self.received = self.sent = self.messages = 0
            self.cycle(first, messages)
        end = time.time() + seconds
        while time.time() < end:
            self.cycle(first, messages)
        return {"messages": self.messages, "seconds": self.wall, "cpu": self.cpu, "load_cpu": 0,
                "received": self.received, "sent": self.sent, "rss": 0}


def serve_runs(driver):
    """Does a run for each line of standard input, which is its time in seconds."""
    first = TEXT if driver.args.text else BINARY
    messages = [(message, frame(first, message, not driver.masked))
                for message in read_messages(driver.args.in_process)]
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(driver.run(float(line), first, messages)))
        sys.stdout.flush()


def drive_server(args, turn, listener):
    """Does the runs that are asked for against the server of this process that has a listener."""
    driver = Driver(args, turn, masked=False)
    driver.connect(listener.getsockname())
    serve_runs(driver)


def drive_clients(args, turn, listener):
    """Does the runs that are asked for against clients, which connect in the next turns."""
    driver = Driver(args, turn, masked=True)
    driver.accept(listener)
    serve_runs(driver)
