"""The programs of the tutorial."""
import asyncio
import errno
import json
import os
import signal
import subprocess
import sys

import chat
import chat_client
import hello
import pytest
import tornado
from chat_tests import ChatTest
from docs_case_py3 import DOCS, DocsCase, async_test
from free_port import free_port
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from tornado_ws import websocket

needs_asyncio_run = pytest.mark.skipif(
    not hasattr(asyncio, "run") or tornado.version_info < (5, 0),
    reason="asyncio.run is not for it")

ChatTest.runTest = None  # pytest makes an instance without a test: Tornado < 6.4 needs it


class HelloTest(DocsCase):

    page = hello

    @async_test
    async def test_hello(self):
        async with websocket.websocket_connect(self.url("/chat")) as conn:
            await conn.write_message("Ann")
            self.assertEqual(await conn.read_message(), "Hello Ann")


class ClientTest(DocsCase):

    page = chat

    @async_test
    async def test_what_time_is_it(self):
        events = []
        listening = gen.convert_yielded(chat_client.listen(self.url("/chat"), events.append))
        while not events:
            await gen.sleep(0.001)
        conn = await websocket.websocket_connect(self.url("/chat"))
        for kind, text in [("name", "Ann"), ("say", "What time is it?")]:
            await conn.write_message(json.dumps({"type": kind, "text": text}))
        said = [json.loads(await conn.read_message()) for _ in range(3)]
        self.assertEqual([event.get("name") for event in said], [None, "Ann", "clock"])
        self.assertRegex(said[2]["text"], r"\d\d:\d\d:\d\d")
        clients = self._app.settings["clients"]
        ann, = [client for client in clients if client.name == "Ann"]
        clock, = [client for client in clients if client.name == "clock"]
        ann.close()
        clock.tell_all({"type": "note", "text": "Ann is about to go"})
        self.assertIsNone(await conn.read_message())
        for client in self._app.settings["clients"]:
            client.close(1001)
        await listening


def start(program, port, tmpdir):
    """Starts a server of the tutorial on another port."""
    with open(os.path.join(DOCS, "tutorial", program)) as file:
        text = file.read()
    path = tmpdir.join(program)
    path.write(text.replace("8888", str(port)))
    # A shell has those ignore SIGINT that it starts in the background, such as these tests.
    return subprocess.Popen(
        [sys.executable, "-u", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


@needs_asyncio_run
@pytest.mark.parametrize("program", ["hello.py", "chat.py"])
def test_a_port_that_is_in_use(program, tmpdir):
    """It is one line."""
    listener, port = bind_unused_port()
    process = start(program, port, tmpdir)
    out, err = process.communicate(timeout=60)
    listener.close()
    assert (process.returncode, out) == (1, b"")
    assert err.decode() == "cannot listen on port %d: %s\n" % (port, os.strerror(errno.EADDRINUSE))


@needs_asyncio_run
@pytest.mark.parametrize("program, told", [
    ("hello.py", "talk to ws://127.0.0.1:%d/chat"), ("chat.py", "open http://127.0.0.1:%d/")])
def test_server(program, told, tmpdir):
    """A server starts as the page says, takes a connection, and ends quietly with Ctrl-C."""
    port = free_port()
    process = start(program, port, tmpdir)
    try:
        line = process.stdout.readline()
        assert line.decode() == told % port + "; Ctrl-C ends\n"

        async def connect():
            async with websocket.websocket_connect("ws://127.0.0.1:%d/chat" % port) as conn:
                await conn.write_message('{"type": "name", "text": "Ann"}')
                return await conn.read_message()

        loop = IOLoop(make_current=False)
        assert "Ann" in loop.run_sync(connect, timeout=60)
        loop.close()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
