"""The programs and configurations in ``docs/operations/code`` do what the pages say.

Collected by ``tox -e docs``, not in every cell: they want packages and programs.
"""
import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import endings
import lag
import metrics
import pytest
import tls
from docs_case_py3 import DOCS, DocsCase, async_test, until
from free_port import free_port
from tornado.httpclient import AsyncHTTPClient
from tornado.testing import AsyncTestCase, bind_unused_port

from tornado_ws import websocket

CODE = os.path.join(DOCS, "operations", "code")
REQUIRED = os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1"


class EndingsTest(DocsCase):
    """``logging.rst``."""

    page = endings

    @async_test
    async def test_a_line_for_each_connection(self):
        with self.assertLogs("chat", logging.INFO) as logged:
            conn = await websocket.websocket_connect(self.url("/logged"))
            await conn.write_message("one")
            await conn.write_message("two")
            conn.close(1001, "tab closed")
            await until(lambda: logged.output)
        self.assertRegex(
            logged.output[0],
            r"^INFO:chat:127\.0\.0\.1 /logged: 2 messages in, 0 out, 0 s; "
            r"peer: 1001 'tab closed'; we: 1001 .*; error: None$")

    @async_test
    async def test_a_loss(self):
        with self.assertLogs("chat", logging.INFO) as logged:
            conn = await websocket.websocket_connect(self.url("/logged"))
            conn.stream.close()
            await until(lambda: logged.output)
        self.assertRegex(logged.output[0], r"; peer: None None; we: None None; error: \w+Error\(")


def test_everything_is_shown():
    """The three lines of ``logging.rst``, in a process of its own: they change the log."""
    program = ("import endings, logging; endings.show_everything();"
               "logging.getLogger('tornado.general').debug('Connection failed');"
               "logging.getLogger('chat').info('an end')")
    done = subprocess.run([sys.executable, "-c", program], cwd=CODE, stderr=subprocess.PIPE,
                          universal_newlines=True, check=True)
    shown = [line.split(" ", 2)[2] for line in done.stderr.splitlines()]
    assert shown == ["DEBUG tornado.general: Connection failed", "INFO chat: an end"]


class MetricsTest(DocsCase):
    """``monitoring.rst``."""

    page = metrics
    settings = {"ping_interval": 0.01}

    async def scrape(self):
        """Returns the lines that do not depend on the clock."""
        self.numbers = {}
        response = await self.http_client.fetch(self.get_url("/metrics"))
        for line in response.body.decode().splitlines():
            if line.startswith("websocket") and "_created" not in line:
                name, _, number = line.rpartition(" ")
                self.numbers[name] = float(number)
        return {name: number for name, number in self.numbers.items()
                if "latency" not in name and "wire_bytes" not in name}

    @async_test
    async def test_what_prometheus_gets(self):
        conn = await websocket.websocket_connect(self.url("/echo"))
        for message in ("one", "two"):
            await conn.write_message(message)
            self.assertEqual(await conn.read_message(), message)
        traffic = {'websocket_messages_total{direction="in"}': 2,
                   'websocket_messages_total{direction="out"}': 2}
        for _ in range(2):  # nothing is counted twice
            self.assertEqual(await self.scrape(), dict(
                traffic, websocket_open=1, websocket_waiting_bytes=0))
        while not self.numbers["websocket_latency_seconds"]:
            await self.scrape()
        for direction in ("in", "out"):
            self.assertGreater(
                self.numbers['websocket_wire_bytes_total{direction="%s"}' % direction], 9)
        conn.close(1001)
        self.assertIsNone(await conn.read_message())
        other = await websocket.websocket_connect(self.url("/echo"))
        other.close(4711)
        self.assertIsNone(await other.read_message())
        lost = await websocket.websocket_connect(self.url("/echo"))
        lost.stream.close()
        numbers = await self.scrape()
        while not any("Error" in name for name in numbers):  # which one is up to the kernel
            numbers = await self.scrape()
        self.assertEqual(
            {name: number for name, number in numbers.items() if "Error" not in name},
            dict(traffic, **{
                "websocket_open": 0, "websocket_waiting_bytes": 0,
                'websocket_closed_total{why="1001"}': 1,
                'websocket_closed_total{why="other"}': 1}))


class LagTest(AsyncTestCase):
    """``monitoring.rst``."""

    runTest = None

    @async_test
    async def test_a_blocked_loop_is_reported(self):
        reports = []
        task = asyncio.ensure_future(lag.watch_lag(reports.append, 0.001))
        await until(lambda: reports)
        blocked = subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)"], check=True)
        self.assertEqual(blocked.returncode, 0)
        await until(lambda: max(reports) > 0.15)
        task.cancel()


def test_opentelemetry():
    """``monitoring.rst``: both tables of it, with the real instrumentation, in fresh processes."""
    program = """if True:
        import asyncio, json, logging, sys
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        if sys.argv[1] == "installed":
            import tracing
            websocket = sys.modules["tornado.websocket"]
        else:
            from tornado_ws import websocket
            from opentelemetry.instrumentation.tornado import TornadoInstrumentor
            TornadoInstrumentor().instrument()
        from tornado import web

        class Echo(websocket.WebSocketHandler):
            def on_message(self, message):
                with trace.get_tracer("test").start_as_current_span("message"):
                    return self.write_message(message)

        async def main():
            app = tracing.make_app() if sys.argv[1] == "installed" else web.Application()
            app.add_handlers(".*", [("/mine", Echo)])
            server = app.listen(0, "127.0.0.1")
            port = next(iter(server._sockets.values())).getsockname()[1]
            conn = await websocket.websocket_connect("ws://127.0.0.1:%d/mine" % port)
            await conn.write_message("hi")
            await conn.read_message()
            at_work = [span.name for span in exporter.get_finished_spans()]
            conn.close()
            while await conn.read_message() is not None:
                pass
            while len(exporter.get_finished_spans()) < 2:
                await asyncio.sleep(0.01)
            spans = {span.name: span for span in exporter.get_finished_spans()}
            print(json.dumps([
                at_work, spans["GET /mine"].attributes.get("http.status_code"),
                spans["message"].parent.span_id == spans["GET /mine"].context.span_id]))

        asyncio.run(main())
        """
    for how, seen in [("imported", [["message"], None, True]),
                      ("installed", [["message"], 101, True])]:
        done = subprocess.run(
            [sys.executable, "-c", program, how], cwd=CODE, timeout=60, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        assert json.loads(done.stdout) == seen, (how, done.stderr)
        assert ("Failed to detach context" in done.stderr) == (how == "imported"), done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None and not REQUIRED, reason="no openssl")
class TLSTest(AsyncTestCase):
    """``tls.rst``: the script makes the certificates, and the program uses them."""

    runTest = None

    def setUp(self):
        super().setUp()
        self.here = os.getcwd()
        self.directory = tempfile.mkdtemp()
        os.chdir(self.directory)
        subprocess.run(["sh", os.path.join(CODE, "make_certificates.sh"), "localhost", "127.0.0.1"],
                       check=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)

    def tearDown(self):
        self.server.stop()
        os.chdir(self.here)
        shutil.rmtree(self.directory)
        super().tearDown()

    def serve(self, context):
        self.server = tls.make_server(context)
        listener, port = bind_unused_port()
        self.server.add_socket(listener)
        return "wss://localhost:%d/who" % port, "wss://127.0.0.1:%d/who" % port

    @async_test
    async def test_a_private_authority(self):
        for url in self.serve(tls.server_context()):
            conn = await tls.connect(url)
            self.assertEqual(json.loads(await conn.read_message()), {"name": None})
            conn.close()
        with self.assertRaisesRegex(OSError, "CERTIFICATE_VERIFY_FAILED|certificate verify"):
            await websocket.websocket_connect(url)
        await self.server.close_all_connections()

    @async_test
    async def test_certificates_of_clients(self):
        url, _ = self.serve(tls.strict_server_context())
        conn = await tls.connect_with_certificate(url)
        self.assertEqual(json.loads(await conn.read_message()), {"name": "sensor 7"})
        conn.close()
        with self.assertRaises(OSError):
            await tls.connect(url)
        await self.server.close_all_connections()


class ServiceTest(AsyncTestCase):
    """``restart.rst``: the test is systemd."""

    runTest = None

    def setUp(self):
        super().setUp()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(10)
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            process.kill()
            process.communicate()
        self.listener.close()
        super().tearDown()

    def start(self):
        """Starts the service with the listening socket as its descriptor 3."""
        script = 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" service.py' % (
            self.listener.fileno())
        process = subprocess.Popen(["bash", "-c", script, sys.executable], cwd=CODE,
                                   pass_fds=[self.listener.fileno()], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    @async_test
    async def test_nobody_is_refused_during_a_restart(self):
        url = "ws://127.0.0.1:%d/echo" % self.listener.getsockname()[1]
        first = self.start()
        conn = await websocket.websocket_connect(url)
        await conn.write_message("hello")
        self.assertEqual(await conn.read_message(), "hello")
        first.send_signal(signal.SIGTERM)
        self.assertIsNone(await conn.read_message())
        self.assertEqual((conn.close_code, conn.close_reason), (1001, "the server restarts"))
        output, errors = first.communicate(timeout=60)
        self.assertEqual(
            (first.returncode, output, errors), (0, b"stopped; cut off: 0\n", b""))
        connecting = websocket.websocket_connect(url, connect_timeout=60)  # nobody is there
        self.start()
        conn = await connecting
        await conn.write_message("again")
        self.assertEqual(await conn.read_message(), "again")
        response = await AsyncHTTPClient().fetch(
            url.replace("ws", "http", 1).replace("echo", "alive"))
        self.assertEqual(response.body, b"alive\n")
        conn.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None and not REQUIRED, reason="no systemd")
def test_the_units_are_what_systemd_expects(tmp_path):
    """``restart.rst``: the units pass ``systemd-analyze verify``, for a program that is there."""
    names = ["chat.service", "chat.socket", "chat@.service"]
    for name in names:
        with open(os.path.join(CODE, name)) as file:
            unit = file.read()
        (tmp_path / name).write_text(unit.replace("/opt/chat/bin/python", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "./chat.service", "./chat.socket", "./chat@8881.service"],
        cwd=str(tmp_path), stderr=subprocess.PIPE, universal_newlines=True)
    own = [line for line in done.stderr.splitlines() if "chat" in line]
    assert (done.returncode, own) == (0, []), done.stderr


class LoopTest(AsyncTestCase):
    """``loops.rst``."""

    runTest = None

    @async_test
    async def test_uvloop(self):
        pytest.importorskip("uvloop")
        port = free_port()
        process = subprocess.Popen([sys.executable, os.path.join(CODE, "loop.py"), str(port)])
        try:
            while True:
                try:
                    conn = await websocket.websocket_connect("ws://127.0.0.1:%d/loop" % port)
                    break
                except OSError:
                    self.assertIsNone(process.poll())
                    await asyncio.sleep(0.01)
            self.assertEqual(await conn.read_message(), "uvloop")
            conn.close()
        finally:
            process.kill()
            process.wait()


@pytest.mark.cpython
def test_memory():
    """``limits.rst``: the program measures, and its rows are those of the page, in that order."""
    done = subprocess.run(
        [sys.executable, os.path.join(CODE, "memory.py"), "20"], timeout=120, check=True,
        stdout=subprocess.PIPE, universal_newlines=True)
    rows = [line.rsplit(None, 2) for line in done.stdout.splitlines()]
    with open(os.path.join(DOCS, "operations", "limits.rst")) as file:
        page = file.read()
    places = [page.index("   * - %s\n" % name) for name, _, _ in rows]
    assert len(places) == 10 and places == sorted(places)
    measured = {name: float(number) for name, number, _ in rows}
    assert measured["1 MiB that the client does not read"] > 500
    assert measured["deflate, after 64 KiB each way"] > 100
