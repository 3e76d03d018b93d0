"""``python -m tornado_ws connect``: the line client."""
from __future__ import absolute_import, division, print_function

import contextlib
import errno
import os
import pty
import signal
import sys
import threading

import pytest
from command_line_case import BINARY, CLOSE, DEADLINE, PING, PONG, TEXT, CommandLineCase, Peer
from tornado import gen, ioloop

from tornado_ws import websocket
from tornado_ws.__main__ import _parser, main
from tornado_ws._cli.connect import Client

CLOSED = """
import os, sys
os.close(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "tornado_ws", "connect", sys.argv[2]])
"""


class TestConnect(CommandLineCase):
    """The client, against raw servers and against ``serve``."""

    def connect(self, **options):
        """Start ``connect`` to a raw server; return the process and the server's end."""
        listener, url = self.listen()
        process = self.start("connect", url, **options)
        return process, self.accept(listener)

    def test_sends_lines_and_prints_messages(self):
        """Lines go out as text; what comes before the server's close is printed, binary as hex."""
        process, peer = self.connect()
        process.stdin.write(u"one\nzw\u00f6lf\r\n\nlast".encode("utf-8"))
        process.stdin.close()
        process.stdin = None
        for text in (u"one", u"zw\u00f6lf", u"", u"last"):
            assert peer.receive() == (TEXT, text.encode("utf-8"))
        assert peer.receive_close() == 1000
        peer.send(TEXT, u"\u00fcber".encode("utf-8"))
        peer.send(BINARY, b"\x00\xff\x10")
        peer.send_close(1000, b"done")
        peer.close()
        assert self.finish(process) == (0, u"\u00fcber\nbinary: 00ff10\n", "closed: 1000 done\n")

    @pytest.mark.parametrize("close, status, words", [
        ((1000,), 0, "1000"),
        ((1001, b"going away"), 0, "1001 going away"),
        ((4001, u"tsch\u00fcss".encode("utf-8")), 3, u"4001 tsch\u00fcss"),
        ((), 4, "no close code"),
        (None, 4, "no close code"),
    ])
    def test_tells_how_it_ended(self, close, status, words):
        """Messages are printed as they come; the server's close ends it though stdin is open.

        The exit status tells of the close code.
        """
        process, peer = self.connect()
        peer.send(TEXT, b"now")
        assert process.stdout.readline() == b"now\n"
        if close is None:
            peer.reset()
        else:
            peer.send_close(*close)
            assert peer.receive_close() == (close[0] if close else None)
            peer.close()
        assert process.wait() == status
        assert self.finish(process) == (status, "", u"closed: %s\n" % words)

    def test_gives_a_long_pipe_time(self):
        """A server that lags behind a long pipe is not asked to close before it has caught up."""
        process, peer = self.connect()
        process.stdin.write(b"line\n" * 1000)
        process.stdin.close()
        process.stdin = None
        for _ in range(1000):
            assert peer.receive() == (TEXT, b"line")
        assert peer.receive() == (PING, b"")
        peer.send(PONG, b"")
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        assert self.finish(process) == (0, "", "closed: 1000\n")

    def test_loses_no_answer_of_a_pipe(self):
        """All of a long pipe's lines come back from ``/echo``, in order, before the close."""
        server, port = self.serve()
        client = self.start("connect", "ws://127.0.0.1:%d/echo" % port)
        lines = u"".join(u"%d\n" % number for number in range(5000))
        assert self.finish(client, lines.encode("ascii")) == (0, lines, "closed: 1000\n")
        self.stop(server)

    def test_nobody_reads_what_it_prints(self):
        """It ends at once and says nothing, as other programs in front of ``| head`` do."""
        process, peer = self.connect()
        process.stdout.close()
        process.stdout = None
        peer.send(TEXT, b"x")
        assert self.finish(process)[::2] == (128 + signal.SIGPIPE, "")

    def test_output_that_cannot_be_written(self):
        """It is an error of the output, not of the server."""
        listener, url = self.listen()
        with open("/dev/full", "wb") as full:
            process = self.start("connect", url, stdout=full)
            peer = self.accept(listener)
            peer.send(TEXT, b"x")
            status, _, err = self.finish(process)
        assert (status, err.count("\n")) == (1, 1)
        assert err.startswith("tornado_ws connect: cannot write the messages: ")

    @pytest.mark.skipif(sys.version_info < (3,), reason="Python 2 does not see it")
    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_stream_that_is_closed(self, number):
        """As if it were /dev/null: ``<&-``, ``>&-`` or ``2>&-``."""
        listener, url = self.listen()
        process = self.start_python("-c", CLOSED, str(number), url)
        peer = self.accept(listener)
        if number:
            process.stdin.write(b"line\n")
            process.stdin.close()
            process.stdin = None
            assert peer.receive() == (TEXT, b"line")
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        assert self.finish(process) == (0, "", "" if number == 2 else "closed: 1000\n")

    @pytest.mark.terminals
    def test_from_a_terminal_to_a_pipe(self):
        """With stdout elsewhere each line leaves when it is typed, and Ctrl-D closes with 1000."""
        master, slave = pty.openpty()
        process, peer = self.connect(stdin=slave)
        os.close(slave)
        os.write(master, b"typed\n")
        assert peer.receive() == (TEXT, b"typed")
        peer.send(TEXT, b"\x1b[m")
        os.write(master, b"\x04")
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        status, out, err = self.finish(process)
        assert (status, out, err.splitlines()[1:]) == (0, "\x1b[m\n", ["closed: 1000"])
        assert err.startswith("connected: ws://127.0.0.1:")
        os.close(master)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("answers", [True, False])
    def test_interrupted(self, number, answers):
        """Ctrl-C closes with 1001 and ends with the conventional exit status 130.

        A server that does not answer holds that up no longer than the second Ctrl-C.
        """
        process, peer = self.connect()
        peer.send(TEXT, b"hello")
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(number)
        assert peer.receive_close() == 1001
        if answers:
            peer.send_close(1001)
            peer.close()
        else:
            process.send_signal(number)
        status, out, err = self.finish(process)
        assert (status, out) == (128 + number, "")
        assert err == "closed: %s\n" % ("1001" if answers else "no close code")

    def test_interrupted_at_a_mute_server(self):
        """A server that never answers a close is not waited for long."""
        process, peer = self.connect()
        peer.send(TEXT, b"hello")
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(signal.SIGINT)
        assert peer.receive_close() == 1001
        assert self.finish(process) == (130, "", "closed: no close code\n")

    def test_interrupted_with_the_101(self):
        """Ctrl-C when the handshake is just being answered is not lost, whichever comes first."""
        listener, url = self.listen()
        process = self.start("connect", url)
        peer = self.accept(listener)
        process.send_signal(signal.SIGINT)
        frame = peer.receive()
        assert frame is None or frame == (CLOSE, b"\x03\xe9")
        peer.close()
        assert self.finish(process)[:2] == (130, "")

    def test_interrupted_while_connecting(self):
        """Ctrl-C while the handshake waits ends at once, with nothing to close."""
        listener, url = self.listen()
        process = self.start("connect", url)
        peer = Peer(listener.accept()[0], None)
        self.sockets.append(peer)
        peer.read_head()
        process.send_signal(signal.SIGINT)
        assert self.finish(process) == (130, "", "")

    def test_in_this_process(self, monkeypatch, capfd):
        """``main`` connects in the calling thread and leaves a reader that ends with stdin."""
        reader, writer = os.pipe()
        monkeypatch.setattr(sys, "stdin", os.fdopen(reader))
        listener, url = self.listen()

        def server():
            peer = self.accept(listener)
            peer.send(BINARY, b"\xab")
            os.write(writer, b"typed\n")
            line = peer.receive()
            peer.send_close(3000, b"enough")
            return (line, peer.receive_close()) == ((TEXT, b"typed"), 3000)

        self.in_thread(server)
        assert main(["connect", url]) == 3
        assert tuple(capfd.readouterr()) == ("binary: ab\n", "closed: 3000 enough\n")
        os.close(writer)
        for thread in threading.enumerate():
            if thread.name == "stdin":
                thread.join(DEADLINE)
                assert not thread.is_alive()
        sys.stdin.close()

    def test_ignores_lines_after_the_close(self, monkeypatch):
        """A line typed after the connection has closed ends the reader without an error (C43)."""
        reader, writer = os.pipe()
        monkeypatch.setattr(sys, "stdin", os.fdopen(reader))
        listener, url = self.listen()

        def server():
            peer = self.accept(listener)
            peer.send_close(1000)
            return peer.receive_close() == 1000

        @gen.coroutine
        def client():
            connection = yield websocket.websocket_connect(url)
            message = yield connection.read_message()
            assert message is None
            os.write(writer, b"too late\n")
            line_client = Client(_parser().parse_args(["connect", url]), None)
            line_client._connection = connection
            line_client.send_lines()

        self.in_thread(server)
        with contextlib.closing(ioloop.IOLoop(make_current=False)) as loop:
            loop.run_sync(client)
        os.close(writer)
        sys.stdin.close()

    @pytest.mark.parametrize("body, words", [
        (b"Cross origin\nwebsockets not allowed", ": Cross origin"),
        (b"\n  spaces \n", ": spaces"),
        (b"<html><title>Forbidden</title></html>", ""),
        (b"Forbidden", ""),
        (b"x" * 300, ": " + "x" * 200),
        (b"\xff", u": \ufffd"),
    ])
    def test_the_body_of_a_refusal(self, capfd, body, words):
        """Its first line follows the status, unless that says as much or it is a page."""
        listener, url = self.listen()

        def server():
            connection = listener.accept()[0]
            while not connection.recv(4096).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s"
                               % (len(body), body))
            connection.close()
            return True

        self.in_thread(server)
        assert main(["connect", url]) == 1
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        err = err.replace("\\ufffd", u"\ufffd")
        assert err == u"tornado_ws connect: %s: HTTP 403: Forbidden%s\n" % (url, words)

    @pytest.mark.parametrize("answer, words", [
        (b"403 Forbidden", "HTTP 403: Forbidden"),
        (b"404 Not Found", "HTTP 404: Not Found"),
        (b"302 Found\r\nLocation: /elsewhere", "HTTP 302: Found"),
        (b"200 OK", ""),
    ])
    def test_refused_by_http(self, capfd, answer, words):
        """An HTTP refusal is one line with its status, and exit status 1 (C39)."""
        listener, url = self.listen()

        def server():
            connection = listener.accept()[0]
            while not connection.recv(4096).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n")
            connection.close()
            return True

        self.in_thread(server)
        assert main(["connect", url]) == 1
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tornado_ws connect: %s: %s" % (url, words))

    def test_refused(self, capfd):
        """A refused connection is one line and exit status 1 (C39)."""
        listener, url = self.listen()
        listener.close()
        assert main(["connect", url]) == 1
        assert tuple(capfd.readouterr()) == (
            "", "tornado_ws connect: %s: %s\n" % (url, os.strerror(errno.ECONNREFUSED)))

    def test_to_an_unknown_host(self, capfd):
        """An unknown host is one line and exit status 1."""
        assert main(["connect", "ws://nobody.invalid/"]) == 1
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tornado_ws connect: ws://nobody.invalid/: ")

    @pytest.mark.parametrize("bad", ["http://127.0.0.1/", "nonsense", "ws://[::1/", ""])
    def test_to_a_bad_url(self, capfd, bad):
        """A URL that is none, or no WebSocket's, is one line and exit status 2 (C38)."""
        assert main(["connect", bad]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tornado_ws connect: cannot use %s: " % bad)
