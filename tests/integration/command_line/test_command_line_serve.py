"""``python -m tornado_ws serve``: the demo server."""
from __future__ import absolute_import, division, print_function

import errno
import io
import os
import re
import signal
import sys

import pytest
from command_line_case import BINARY, CLOSE, CLOSING, DEFLATED, GOING_AWAY, TEXT, CommandLineCase
from wire import deflate, inflate

from tornado_ws.__main__ import main

FIVE_MIB = 5 * 1024 * 1024
DEFLATE = [("Sec-WebSocket-Extensions", "permessage-deflate")]


class TestServe(CommandLineCase):
    """The server, its endpoints, its end."""

    def test_page_talks_to_both_endpoints(self):
        """``/`` is an HTML page without external resources that names both endpoints."""
        process, port = self.serve()
        browser = self.dial(port, "/")
        head = browser.read_head()
        body = browser.file.read(int(re.search("Content-Length: ([0-9]+)", head).group(1)))
        assert head.startswith("HTTP/1.1 200 ")
        assert "Content-Type: text/html" in head
        assert b'super("echo"' in body and b'super("chat"' in body
        assert b"http://" not in body and b"https://" not in body and b"src=" not in body
        self.stop(process)

    def test_echoes_text_and_binary(self):
        """``/echo`` sends text back as text and binary as binary, uncompressed unless offered."""
        process, port = self.serve()
        peer = self.join(port, "/echo")
        assert "Extensions" not in peer.response
        for frame in [(TEXT, u"h\u00e9llo".encode("utf-8")), (BINARY, b"\x00\xff"), (TEXT, b"")]:
            peer.send(*frame)
            assert peer.receive() == frame
        self.stop(process)

    def test_echoes_compressed(self):
        """With ``--compress`` it agrees to permessage-deflate and compresses (C30, C31)."""
        process, port = self.serve("--compress")
        peer = self.join(port, "/echo", headers=DEFLATE)
        assert "permessage-deflate" in peer.response
        peer.send(TEXT | DEFLATED, deflate(b"squeeze " * 1000))
        first, answer = peer.receive()
        assert first == TEXT | DEFLATED
        assert len(answer) < 1000
        assert inflate(answer) == b"squeeze " * 1000
        self.stop(process)

    def test_echoes_five_mebibytes(self):
        """``/echo`` takes messages of 5 MiB."""
        process, port = self.serve()
        peer = self.join(port, "/echo")
        data = bytes(bytearray(range(256))) * (FIVE_MIB // 256)
        peer.send(BINARY, data)
        assert peer.receive() == (BINARY, data)
        self.stop(process)

    def test_chat_tells_all_of_all(self):
        """``/chat`` tells each client, as JSON, who joins, who leaves, who says what (C13)."""
        process, port = self.serve()
        ann = self.join(port, "/chat?name=Ann")
        assert ann.receive_json() == {"type": "join", "name": "Ann", "present": 1}
        guest = self.join(port, "/chat")
        for peer in (ann, guest):
            assert peer.receive_json() == {"type": "join", "name": "guest 1", "present": 2}
        for speaker, name in ((ann, "Ann"), (guest, "guest 1")):
            speaker.send(TEXT, u"\u20ac 5".encode("utf-8"))
            for peer in (ann, guest):
                assert peer.receive_json() == {"type": "message", "name": name, "text": u"\u20ac 5"}
        guest.send_close(1000)
        assert guest.receive_close() == 1000
        assert ann.receive_json() == {"type": "leave", "name": "guest 1", "present": 1}
        self.stop(process)

    @pytest.mark.parametrize("first, payload, code", [
        (BINARY, b"\x00", 1003), (TEXT, b"x" * 4097, 1009)])
    def test_chat_takes_short_texts_only(self, first, payload, code):
        """``/chat`` closes with 1003 on binary and with 1009 on a text over 4096 bytes (C36)."""
        process, port = self.serve()
        peer = self.join(port, "/chat")
        peer.receive_json()
        peer.send(first, payload)
        assert peer.receive_close() == code
        self.stop(process)

    def test_chat_refuses_an_undecodable_name(self):
        """A name that is not UTF-8 is refused with 400, before the handshake (C7)."""
        process, port = self.serve()
        peer = self.dial(port, "/chat?name=%ff")
        assert peer.read_head().startswith("HTTP/1.1 400 ")
        process.terminate()
        assert self.finish(process)[0] == 0

    def test_chat_survives_a_client_that_vanishes(self):
        """A reset connection is a ``leave`` for the others and no more (C26)."""
        process, port = self.serve()
        ann, bob = self.join(port, "/chat?name=Ann"), self.join(port, "/chat?name=Bob")
        names = set(ann.receive_json()["name"] for _ in range(2))
        assert names == {"Ann", "Bob"}
        bob.reset()
        assert ann.receive_json() == {"type": "leave", "name": "Bob", "present": 1}
        self.stop(process)

    def test_chat_shuts_out_who_does_not_read(self):
        """A client that stops reading holds nobody up and loses its place before it costs much."""
        process, port = self.serve()
        slow = self.join(port, "/chat?name=Slow", receive_buffer=4096)
        ann = self.join(port, "/chat?name=Ann")
        ann.receive_json()
        text, count = "x" * 4000, 5000
        for _ in range(count):
            ann.send(TEXT, text.encode("ascii"))
            event = ann.receive_json()
            while event["type"] != "message":
                event = ann.receive_json()
            assert event["text"] == text
        received = 0
        while (slow.receive() or (CLOSE,))[0] != CLOSE:
            received += 1
        assert received < count
        self.stop(process)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_says_goodbye_when_stopped(self, number):
        """On SIGTERM and SIGINT each client gets 1001; exit status 0, without a traceback."""
        process, port = self.serve()
        echo, chat = self.join(port, "/echo"), self.join(port, "/chat")
        chat.receive_json()
        process.send_signal(number)
        for peer in (echo, chat):
            assert peer.receive() == GOING_AWAY
            peer.send(*GOING_AWAY)
            assert peer.receive() is None
        assert self.finish(process) == (0, "", "closing 2 connections (Ctrl-C again cuts off)\n")

    def test_says_goodbye_to_nobody(self):
        """Without clients there is nothing to say."""
        process, _ = self.serve()
        process.terminate()
        assert self.finish(process) == (0, "", "")

    def test_waits_for_the_answers(self):
        """It ends when the last client has answered, and gets what that still sends before."""
        process, port = self.serve()
        peer = self.join(port, "/echo")
        process.terminate()
        assert peer.receive() == GOING_AWAY
        peer.send(TEXT, b"one more thing")
        assert process.poll() is None
        peer.send(*GOING_AWAY)
        assert peer.receive() is None
        assert self.finish(process) == (0, "", "closing 1 connection (Ctrl-C again cuts off)\n")

    def test_waits_for_an_answer_no_longer_than_a_limit(self):
        """Who never answers is cut off."""
        process, port = self.serve()
        peer = self.join(port, "/echo")
        process.terminate()
        assert peer.receive() == GOING_AWAY
        assert peer.receive() is None
        assert self.finish(process)[0] == 0

    def test_stops_in_spite_of_hostile_clients(self):
        """Nobody delays the end: not who never answers, nor who never reads, nor half a request,
        nor a second signal."""
        process, port = self.serve()
        mute, deaf, half = self.join(port, "/echo"), self.join(port, "/echo"), self.dial(port, "/")
        deaf.send(BINARY, b"x" * (4 * FIVE_MIB))
        half.read_head()
        half.socket.sendall(b"GET / HTT")
        mute.send(TEXT, b"ready")
        assert mute.receive() == (TEXT, b"ready")
        process.send_signal(signal.SIGTERM)
        assert mute.receive() == GOING_AWAY
        process.send_signal(signal.SIGINT)
        assert mute.receive() is None
        status, out, err = self.finish(process)
        assert (status, out) == (0, "")
        assert re.match(CLOSING, err)

    def test_in_this_process(self, monkeypatch):
        """``main`` serves in the calling thread and gives the signal handlers back."""
        reader, writer = os.pipe()
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        announced = io.open(reader, "rb")
        monkeypatch.setattr(sys, "stdout", io.open(writer, "w", encoding="ascii"))

        def client():
            port = int(announced.readline().decode("ascii").split(":")[2].split("/")[0])
            peer = self.join(port, "/echo")
            os.kill(os.getpid(), signal.SIGTERM)
            goodbye = peer.receive()
            peer.close()
            return goodbye == GOING_AWAY

        self.in_thread(client)
        assert main(["serve", "--port", "0"]) == 0
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        sys.stdout.close()
        announced.close()

    @pytest.mark.parametrize("address, words", [
        ("192.0.2.1", os.strerror(errno.EADDRNOTAVAIL)), ("nobody.invalid", "")])
    def test_on_an_impossible_address(self, address, words):
        """An address that is not this machine's is one line on stderr and exit status 1."""
        status, out, err = self.finish(self.start("serve", "--port", "0", "--address", address))
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("tornado_ws serve: cannot listen on %s:0: " % address)
        assert words in err

    def test_on_a_port_in_use(self):
        """A port in use is one line on stderr and exit status 1."""
        port = self.listen()[0].getsockname()[1]
        assert self.finish(self.start("serve", "--port", str(port))) == (
            1, "", "tornado_ws serve: cannot listen on 127.0.0.1:%d: %s\n"
            % (port, os.strerror(errno.EADDRINUSE)))
