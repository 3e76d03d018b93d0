"""What the tests of the chat need: processes of it, a Redis, clients."""
from __future__ import absolute_import, division, print_function

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

import tornado_ws

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHAT = os.path.join(ROOT, "examples", "chat")
sys.path.insert(0, CHAT)

from client import Client  # noqa: E402  (it is in the directory just added)

DEADLINE = 60
"""Seconds after which something that hangs is given up."""


def free_port():
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment():
    """Return the environment variables for a program that uses tornado_ws."""
    variables = dict(os.environ)
    if not variables.get("TORNADO_WS_INSTALLED"):
        variables["PYTHONPATH"] = os.path.dirname(os.path.dirname(tornado_ws.__file__))
    return variables


class Process:
    """A server that listens on a port, and can be killed and started again.

    Args:
        command: Its command line.
        port: The port, by which it is known that it is ready.
        log: The path of the file that it writes to.
    """

    def __init__(self, command, port, log):
        self._command = command
        self._port = port
        self._log = log
        self._process = None

    def run(self):
        """Start it, wait for its end and return the exit status."""
        self._start()
        return self._process.wait(DEADLINE)

    def _start(self):
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment())

    def start(self):
        """Start it and wait until it listens."""
        self._start()
        end = time.monotonic() + DEADLINE
        while not self._listens():
            assert self._process.poll() is None, self.output()
            assert time.monotonic() < end, self.output()
            time.sleep(0.01)

    def _listens(self):
        with contextlib.closing(socket.socket()) as connection:
            return connection.connect_ex(("127.0.0.1", self._port)) == 0

    def kill(self, number=signal.SIGKILL):
        """Send it a signal and wait for its end; return the exit status."""
        if self._process is None:
            return None
        self._process.send_signal(number)
        status = self._process.wait(DEADLINE)
        self._process = None
        return status

    def output(self):
        """Return what it has printed."""
        with open(self._log, errors="replace") as log:
            return log.read()


def require(program):
    """Return the path of a program; skip the test where there is none."""
    path = shutil.which(program)
    if path is None:
        reason = program + " is not installed"
        if os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def make_redis(directory):
    """Return a Redis with the example's configuration, and its URL."""
    port = free_port()
    command = [require("redis-server"), os.path.join(CHAT, "redis.conf"), "--port", str(port),
               "--bind", "127.0.0.1", "--dir", str(directory)]
    return (Process(command, port, str(directory / "redis.log")),
            "redis://127.0.0.1:%d/" % port)


def make_server(directory, *options):
    """Return a process of the chat and the URL of its WebSocket."""
    port = free_port()
    command = [sys.executable, os.path.join(CHAT, "server.py"), "--port", str(port)]
    return (Process(command + list(options), port, str(directory / ("chat-%d.log" % port))),
            "ws://127.0.0.1:%d/chat" % port)


class Member:
    """A client that records what it receives.

    Attributes:
        client: The `client.Client`.
        received: The messages, as pairs of id and text.
        acknowledged: The ids of acknowledged messages, by text.
    """

    def __init__(self, name, *urls):
        self.client = Client(name, urls, self._take)
        self.received = []
        self.acknowledged = {}
        self._news = asyncio.Event()

    def _take(self, message):
        self.received.append((message["id"], message["text"]))
        self._news.set()

    async def say(self, text):
        """Send a text and wait for its acknowledgement."""
        self.acknowledged[text] = await self.client.send(text)
        return self.acknowledged[text]

    async def hear(self, message_id):
        """Wait until a message was received."""
        while message_id not in (one for one, _ in self.received):
            self._news.clear()
            await self._news.wait()


@contextlib.asynccontextmanager
async def members(*them):
    """Run clients for the length of a block."""
    running = [asyncio.ensure_future(member.client.run()) for member in them]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


def run(coroutine):
    """Run a coroutine to its end."""
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE))
