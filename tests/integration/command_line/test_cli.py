"""Parts of the command line that a terminal or a race seldom shows."""
from __future__ import absolute_import, division, print_function

import argparse
import io
import os
import platform
import signal
import socket
import struct
import sys
import types

import pytest
from tornado import gen
from tornado.concurrent import Future
from tornado.ioloop import IOLoop

from tornado_ws import websocket
from tornado_ws._cli import connect as _cli_connect
from tornado_ws._cli import editor as _cli_editor
from tornado_ws._compat import futures, threads


class Terminal(object):
    """Stands for stdin and stdout at a terminal."""

    encoding = "utf-8"

    def __init__(self, fd=None):
        self.fd = fd

    def isatty(self):
        return True

    def fileno(self):
        return self.fd


class Output(io.BytesIO):
    """Stands for a file."""

    encoding = "utf-8"


class Connection(object):
    """Stands for an open connection; notes what is asked of it."""

    headers = {}
    selected_subprotocol = "demo"

    def __init__(self):
        self.calls = []
        self.stream = self

    def close(self, *args):
        self.calls.append(("close",) + args)

    def write_message(self, message):
        self.calls.append(("write", message))
        raise websocket.WebSocketClosedError("closed meanwhile")


@pytest.fixture
def loop():
    """Give a loop that is not running."""
    io_loop = IOLoop(make_current=False)
    yield io_loop
    io_loop.close()


def be_at_a_terminal(monkeypatch):
    """Make stdin and stdout look like a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())


def client(signals=None):
    return _cli_connect.Client(argparse.Namespace(
        url="ws://127.0.0.1/", header=[], subprotocol=None, compress=False, insecure=False,
        binary=False, ca_file=None, connect_timeout=None, verbose=False), signals)


def test_no_editor_without_readline(monkeypatch):
    be_at_a_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "readline", None)
    assert _cli_editor.make_editor() is None


def test_no_editor_with_a_readline_that_lacks_something(monkeypatch):
    pytest.importorskip("readline")
    be_at_a_terminal(monkeypatch)
    monkeypatch.setattr(_cli_editor, "_NEEDED", ["rl_no_such_function"])
    assert _cli_editor.make_editor() is None


def test_no_editor_with_a_readline_in_python(monkeypatch):
    """As PyPy's is."""
    be_at_a_terminal(monkeypatch)
    readline = types.ModuleType("readline")
    readline.__file__ = os.path.abspath(__file__)
    monkeypatch.setitem(sys.modules, "readline", readline)
    assert _cli_editor.make_editor() is None


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="its readline is Python")
def test_an_editor_that_does_not_edit_leaves_the_terminal_alone(monkeypatch):
    pytest.importorskip("readline")
    be_at_a_terminal(monkeypatch)
    editor, output = _cli_editor.make_editor(), Output()
    editor.resize()
    editor.resume()
    editor.say(output, u"said")
    editor.stop()
    assert output.getvalue() == b"said\n"


def test_a_signal_just_before_the_101(monkeypatch, loop):
    """The connection is closed with 1001, and conversed with until that is done."""
    async_result, connection = futures.new_future(loop), Connection()
    async_result.set_result(connection)
    monkeypatch.setattr(websocket, "websocket_connect", lambda *args, **kwargs: async_result)
    tested = client()
    monkeypatch.setattr(
        tested, "_watch_signals", lambda: setattr(tested, "_stopped_by", signal.SIGTERM))
    conversed = futures.new_future(loop)
    conversed.set_result("conversed")
    monkeypatch.setattr(tested, "_converse", lambda: conversed)
    assert loop.run_sync(tested.run) == "conversed"
    assert connection.calls == [("close", 1001)]


def test_signals_while_it_connects(loop):
    """SIGWINCH means nothing without an editor; the first to stop it does, the next does not."""
    reader, writer = socket.socketpair()
    tested = client(reader)

    @gen.coroutine
    def watch():
        tested._loop, tested._interrupted = IOLoop.current(), Future()
        tested._watch_signals()
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGINT):
            writer.send(struct.pack("B", number))
        yield tested._interrupted
        for _ in range(20):
            yield gen.moment
        tested._loop.remove_handler(reader)  # a thread may be selecting it
        for _ in range(20):
            yield gen.moment

    loop.run_sync(watch, timeout=30)
    assert tested._stopped_by == signal.SIGTERM
    reader.close()
    writer.close()


def test_it_greets_with_the_subprotocol(capfd):
    tested = client()
    tested._connection = Connection()
    tested._greet()
    assert "; subprotocol demo; " in capfd.readouterr()[1]


def test_a_line_that_comes_after_the_end_is_not_sent(monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, b"too late\n")
    os.close(writing)
    monkeypatch.setattr(sys, "stdin", Terminal(reading))
    tested = client()
    tested._connection, tested._over = Connection(), True
    tested.send_lines()
    os.close(reading)
    assert tested._connection.calls == []


def test_a_line_that_only_the_loop_finds_wrong(capfd):
    """The thread that reads stdin learns of it through the result, and stops."""
    outcome = threads.ThreadFuture()
    outcome.set_exception(ValueError("too long"))
    tested = client()
    tested._wait(outcome)
    assert tested._bad_input
    assert capfd.readouterr()[1] == "too long\n"


def test_a_line_typed_when_the_connection_has_just_closed():
    tested = client()
    tested._connection = Connection()
    tested._take_typed_line(u"late")
    assert tested._connection.calls == [("write", u"late")]
