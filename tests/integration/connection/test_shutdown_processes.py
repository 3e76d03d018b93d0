"""Programs that end with connections open, in processes of their own: C26, C28, C43.

No hang, no traceback; the only thing that may be said is the ResourceWarning of a client that
nobody closed. Each program prints ``done`` last.
"""
from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys
import textwrap

import pytest
import timed_process
import tornado

import tornado_ws

DEADLINE = 60
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(tornado_ws.__file__)))
HERE = os.path.dirname(os.path.abspath(__file__))

# The parts that programs have in common: a server, and a client connected to it.
PRELUDE = """
from __future__ import print_function
import gc, logging, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from tornado import gen, ioloop, testing, web
from tornado_ws import websocket
logging.basicConfig(level=logging.INFO)
logging.getLogger("tornado.access").setLevel(logging.ERROR)

class Handler(websocket.WebSocketHandler):
    closed = 0

    def on_message(self, message):
        return self.write_message(message)

    def on_close(self):
        Handler.closed += 1

class Waiting(Handler):
    @gen.coroutine
    def on_message(self, message):
        self.write_message("waiting")
        yield gen.sleep(3600)

class Pinging(Handler):
    ping_interval = 3600

def listen():
    sock, port = testing.bind_unused_port()
    app = web.Application([("/", Handler), ("/waiting", Waiting), ("/pinging", Pinging)] + more)
    server = ioloop_server(app, sock)
    return server, "ws://127.0.0.1:%d" % port

def ioloop_server(app, sock):
    from tornado.httpserver import HTTPServer
    server = HTTPServer(app)
    server.add_sockets([sock])
    return server

more = []
"""

NATIVE = """
class Native(Handler):
    async def on_message(self, message):
        self.write_message("waiting")
        await gen.sleep(3600)

more.append(("/native", Native))
"""

OPEN = """
@gen.coroutine
def open_some():
    server, url = listen()
    kept.append(server)
    for path in ["/", "/waiting", "/pinging"] + [row[0] for row in more]:
        for _ in range(3):
            conn = yield websocket.websocket_connect(url + path)
            yield conn.write_message("x")
            assert (yield conn.read_message()) in ("x", "waiting")
            kept.append(conn)
    conn = yield websocket.websocket_connect(url + "/")
    kept.append(conn.read_message())  # for which nothing comes
    kept.append(conn)

kept = []
loop = ioloop.IOLoop.current()
"""


def run(program, *options):
    """Run a program; return what it wrote to standard error, which is checked for tracebacks."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [path for path in (ROOT, os.environ.get("PYTHONPATH")) if path]))
    status, output, errors = timed_process.communicate(
        [sys.executable] + list(options) + ["-c", PRELUDE + textwrap.dedent(program)], DEADLINE,
        stderr=subprocess.PIPE, env=environment, cwd=HERE)
    assert status == 0, errors
    assert output.split()[-1:] == ["done"], (output, errors)
    for word in ("Traceback", "never retrieved", "never awaited", "Exception", "ERROR",
                 "was destroyed"):
        assert word not in errors, errors
    return errors


def check_warnings(errors):
    """Check that nothing is said but of clients that were not closed."""
    for line in errors.splitlines():
        assert ("Unclosed WebSocketClientConnection" in line
                or line.startswith(" ")), errors


EXITS = {
    "the_loop_is_stopped": """
        loop.run_sync(open_some)
        print("done")
    """,
    "the_loop_is_closed": """
        loop.run_sync(open_some)
        loop.close(all_fds=True)
        print("done")
    """,
    "all_is_collected_first": """
        loop.run_sync(open_some)
        del kept[:]
        gc.collect()
        print("done")
    """,
    "all_is_collected_when_the_loop_is_closed": """
        loop.run_sync(open_some)
        loop.close(all_fds=True)
        del kept[:]
        gc.collect()
        print("done")
    """,
    "stopped_by_a_handler": """
        loop.add_callback(lambda: loop.add_future(open_some(), lambda f: loop.stop()))
        loop.start()
        print("done")
    """,
    "the_server_is_stopped": """
        loop.run_sync(open_some)
        kept[0].stop()
        loop.run_sync(lambda: gen.sleep(0))
        print("done")
    """,
    "sys_exit_in_the_loop": """
        loop.run_sync(open_some)
        def leave():
            print("done")
            sys.stdout.flush()
            sys.exit(0)
        loop.run_sync(leave)
    """,
    "a_close_under_way": """
        loop.run_sync(open_some)
        for conn in kept[1:-2]:
            conn.close(1001, "going away")
        print("done")
    """,
    "a_message_half_received": """
        loop.run_sync(open_some)
        for conn in kept[1:-2]:
            conn.stream.write(b"\\x01\\x8a")
        loop.run_sync(lambda: gen.sleep(0))
        print("done")
    """,
    "connecting": """
        loop.run_sync(open_some)
        port = testing.bind_unused_port()[1]
        kept.append(websocket.websocket_connect("ws://127.0.0.1:%d/" % port))
        print("done")
    """,
}


@pytest.mark.parametrize("name", sorted(EXITS))
def test_interpreter_exits_with_connections_open(name):
    """C43: server and client in one process, handlers that wait among them."""
    native = NATIVE if sys.version_info >= (3,) else ""
    check_warnings(run(native + OPEN + textwrap.dedent(EXITS[name])))


@pytest.mark.cpython
@pytest.mark.skipif(tornado.version_info < (6, 4), reason="Tornado's own gives no warning")
def test_warning_of_an_unclosed_client():
    """C43: where Tornado's client has a ResourceWarning, ours has one each."""
    errors = run(OPEN + textwrap.dedent("""
        loop.run_sync(open_some)
        loop.close(all_fds=True)
        kept[1:] = []
        del loop
        ioloop.IOLoop.clear_current()
        gc.collect()
        print("done")
    """), "-W", "always")
    assert errors.count("Unclosed WebSocketClientConnection") >= 9


def test_a_client_that_nobody_refers_to_stays_open():
    """C43: whoever lets go of the last reference, and on which thread, changes nothing."""
    run("""
        import threading

        class Telling(Handler):
            all = []

            def on_message(self, message):
                self.all.append(self)

        more.append(("/telling", Telling))

        @gen.coroutine
        def main():
            server, url = listen()
            got = []
            for there in range(2):
                conns = [(yield websocket.websocket_connect(
                    url + "/telling", on_message_callback=got.append))]
                yield conns[0].write_message("x")
                if there:
                    thread = threading.Thread(target=conns.pop)
                    thread.start()
                    thread.join()
                else:
                    conns.pop()
            gc.collect()
            while len(Telling.all) < 2:
                yield gen.moment
            for handler in Telling.all:
                yield handler.write_message("you are there")
            while len(got) < 2:
                yield gen.moment
            assert Handler.closed == 0
            server.stop()

        ioloop.IOLoop.current().run_sync(main)
        print("done")
    """)


def test_client_collected_when_its_loop_is_closed():
    """C43: nor does a closed loop matter to who forgets a client later."""
    run("""
        loop = ioloop.IOLoop()
        loop.make_current()
        kept = []

        @gen.coroutine
        def main():
            server, url = listen()
            kept.append((yield websocket.websocket_connect(url + "/")))

        loop.run_sync(main)
        loop.close(all_fds=True)
        del kept[:]
        gc.collect()
        print("done")
    """)


@pytest.mark.skipif(sys.version_info < (3, 7) or tornado.version_info < (5,),
                    reason="asyncio.run came with Python 3.7, asyncio with Tornado 5")
@pytest.mark.parametrize("end", [
    "return", "raise SystemExit", "asyncio.get_running_loop().call_soon(task.cancel); "
    "await asyncio.sleep(3600)"], ids=["return", "exit", "cancel"])
def test_asyncio_run_ends(end):
    """C26, C43: asyncio.run() cancels what is left, and nothing of ours minds."""
    program = NATIVE + """
import asyncio

async def main():
    task = asyncio.current_task()
    server, url = listen()
    for path in ("/", "/waiting", "/pinging", "/native"):
        conn = await websocket.websocket_connect(url + path)
        await conn.write_message("x")
        await conn.read_message()
        kept.append(conn)
    reading = asyncio.ensure_future(wait_for(kept[0]))
    iterating = asyncio.ensure_future(iterate(kept[1]))
    await asyncio.sleep(0)
    END

async def wait_for(conn):
    await conn.read_message()

async def iterate(conn):
    async for message in conn:
        pass

kept = []
try:
    asyncio.run(main())
except (SystemExit, asyncio.CancelledError):
    pass
print("done")
"""
    check_warnings(run(program.replace("END", end)))
