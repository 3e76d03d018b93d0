"""What the tests of the command line share: processes, and raw peers over blocking sockets.

The commands run in processes of their own, as a user starts them. No test waits for a time to
pass: a process that hangs is killed, and a socket times out, after DEADLINE seconds.
"""
from __future__ import absolute_import, division, print_function

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

import frame_oracle
import pytest
from wire import HANDSHAKE, MASK, accept_value, close_frame, frame, response_head

DEADLINE = 60
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A  # first bytes of whole messages
DEFLATED = 0x40  # is added to them
CLOSING = r"closing \d+ connections? \(Ctrl-C again cuts off\)\n\Z"  # what serve says at its end
GOING_AWAY = (CLOSE, struct.pack("!H", 1001) + b"going away")


class Peer(object):
    """One end of a WebSocket: the client if it has connected, the server if it has accepted."""

    def __init__(self, connection, mask):
        connection.settimeout(DEADLINE)
        self.socket = connection
        self.file = connection.makefile("rb")
        self.mask = mask

    def read_head(self):
        """Read an HTTP head and return it as text."""
        lines = []
        while lines[-1:] != [b"\r\n"]:
            lines.append(self.file.readline())
            assert lines[-1], lines
        return b"".join(lines).decode("latin-1")

    def send(self, first, payload):
        """Send one frame."""
        self.socket.sendall(frame(first, payload, self.mask))

    def send_close(self, code=None, reason=b""):
        """Send a close frame."""
        self.socket.sendall(close_frame(code, reason, self.mask))

    def receive(self):
        """Return the next frame as ``(first byte, payload)``, or ``None`` at the end."""
        head = bytearray(self.file.read(2))
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size > 125:
            form, width = ("!H", 2) if size == 126 else ("!Q", 8)
            size, = struct.unpack(form, self.file.read(width))
        key = self.file.read(4) if head[1] & 0x80 else None
        payload = self.file.read(size)
        return head[0], frame_oracle.mask(key, payload) if key else payload

    def receive_close(self):
        """Return the code of the next frame, a close, or ``None`` if it has none."""
        first, payload = self.receive()
        assert first == CLOSE, (first, payload)
        return struct.unpack("!H", payload[:2])[0] if payload else None

    def receive_json(self):
        """Return the value of the next frame, a JSON text."""
        first, payload = self.receive()
        assert first == TEXT, (first, payload)
        return json.loads(payload.decode("utf-8"))

    def close(self):
        """Close the socket."""
        self.file.close()
        self.socket.close()

    def reset(self):
        """Vanish: the other side sees a connection reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class CommandLineCase(object):
    """Starts commands in an empty directory and ends what a test has left running."""

    @pytest.fixture(autouse=True)
    def _clean_up(self, tmpdir):
        self.directory = tmpdir
        self.processes = []
        self.sockets = []
        self.threads = []
        yield
        for process, timer in self.processes:
            timer.cancel()
            timer.join()
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in filter(None, [process.stdin, process.stdout, process.stderr]):
                pipe.close()
        for thread, outcome in self.threads:
            thread.join(DEADLINE)
        for sock in self.sockets:
            sock.close()
        for thread, outcome in self.threads:
            assert outcome == [True]

    # Processes.

    def start(self, *args, **options):
        """Start ``python -m tornado_ws ARGS...``."""
        return self.start_python("-m", "tornado_ws", *args, **options)

    def start_python(self, *args, **options):
        """Start ``python ARGS...``.

        Options: ``stdin`` and ``stdout`` (default: pipes), else environment.
        """
        stdin = options.pop("stdin", subprocess.PIPE)
        stdout = options.pop("stdout", subprocess.PIPE)
        process = subprocess.Popen(
            [sys.executable] + list(args), cwd=str(self.directory), bufsize=0,
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONIOENCODING="utf-8", **options))
        timer = threading.Timer(DEADLINE, process.kill)
        timer.start()
        self.processes.append((process, timer))
        return process

    def finish(self, process, data=None):
        """Wait for a process; return its exit status, its stdout and its stderr as text."""
        out, err = process.communicate(data)
        return process.returncode, (out or b"").decode("utf-8"), err.decode("utf-8")

    def serve(self, *args):
        """Start ``serve`` on a free port; return the process and the port that it announces."""
        process = self.start("serve", "--port", "0", *args)
        line = process.stdout.readline().decode("ascii")
        return process, int(re.match(r"Serving on https?://127\.0\.0\.1:(\d+)/ ", line).group(1))

    def stop(self, process):
        """Close all sockets of the test, end ``serve``, and check that it ends well."""
        for sock in self.sockets:
            sock.close()
        process.send_signal(signal.SIGTERM)
        status, out, err = self.finish(process)
        assert (status, out) == (0, "")
        assert re.match(CLOSING + r"|\Z", err), err

    # Sockets.

    def dial(self, port, path, headers=(), receive_buffer=None):
        """Connect to a server as a client that has sent its handshake."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer = Peer(connection, MASK)
        self.sockets.append(peer)
        connection.connect(("127.0.0.1", port))
        lines = ["GET %s HTTP/1.1" % path, "Host: 127.0.0.1:%d" % port]
        lines.extend("%s: %s" % item for item in HANDSHAKE + tuple(headers))
        connection.sendall("\r\n".join(lines + ["", ""]).encode("ascii"))
        return peer

    def join(self, port, path, **options):
        """Connect to a server as a client whose handshake has been accepted."""
        peer = self.dial(port, path, **options)
        peer.response = peer.read_head()
        assert peer.response.startswith("HTTP/1.1 101 "), peer.response
        return peer

    def listen(self):
        """Listen on a free port; return the socket and the port's WebSocket URL."""
        listener = socket.socket()
        self.sockets.append(listener)
        listener.settimeout(DEADLINE)
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        return listener, "ws://127.0.0.1:%d/" % listener.getsockname()[1]

    def accept(self, listener):
        """Accept a client's connection and its handshake, without any extension."""
        peer = Peer(listener.accept()[0], None)
        self.sockets.append(peer)
        key = re.search("(?i)\nsec-websocket-key: *([^\r]*)\r", peer.read_head()).group(1)
        peer.socket.sendall(response_head(accept_value(key)))
        return peer

    # Threads, for the other side of what runs in this process.

    def in_thread(self, function, *args):
        """Call a function in a thread; the test fails at its end unless it returned true."""
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(function(*args)))
        self.threads.append((thread, outcome))
        thread.start()
