"""The options of ``serve`` and ``connect``, and how the two go together."""
from __future__ import absolute_import, division, print_function

import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess

import pytest
from command_line_case import BINARY, CLOSE, DEADLINE, PING, PONG, TEXT, CommandLineCase, Peer
from wire import HANDSHAKE, MASK, accept_value, response_head

from tornado_ws import __version__, _straight
from tornado_ws.__main__ import main

DEMO = [("Sec-WebSocket-Protocol", "demo")]


class TestConnectOptions(CommandLineCase):
    """What ``connect`` says in its handshake, and hex."""

    def connect(self, *args, **answer):
        """Start ``connect``; return it, the server's end and the head of the request."""
        listener, url = self.listen()
        process = self.start("connect", *(args + (url,)))
        peer = Peer(listener.accept()[0], None)
        self.sockets.append(peer)
        head = peer.read_head()
        key = re.search("(?i)\nsec-websocket-key: *([^\r]*)\r", head).group(1)
        peer.socket.sendall(response_head(accept_value(key), **answer))
        return process, peer, head

    def end(self, process, peer):
        """End the input, check that both sides close well, and return stdout."""
        process.stdin.close()
        process.stdin = None
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        status, out, err = self.finish(process)
        assert (status, err) == (0, "closed: 1000\n")
        return out

    def test_without_options(self):
        """It offers neither a subprotocol nor an extension."""
        process, peer, head = self.connect()
        assert "Sec-Websocket-Protocol" not in head.title()
        assert "Sec-Websocket-Extensions" not in head.title()
        assert self.end(process, peer) == ""

    def test_header(self):
        """``--header`` adds a line to the request; the same name twice is two lines."""
        process, peer, head = self.connect(
            "--header", "Cookie: a=b", "--header", "X-Tag:one", "--header", "X-Tag: two",
            "--header", "Host: example.org")
        assert "\r\nCookie: a=b\r\n" in head
        assert "\r\nX-Tag: one\r\nX-Tag: two\r\n" in head
        assert re.findall("(?i)\r\nhost: ([^\r]*)", head) == ["example.org"]
        self.end(process, peer)

    @pytest.mark.parametrize("line", ["no colon", ": x", "a b: c", "A: b\r\nC: d", "A: \x00", ""])
    def test_header_that_is_none(self, capsys, line):
        """A line that is no header, or more than one, is a usage error."""
        with pytest.raises(SystemExit) as caught:
            main(["connect", "--header", line, "ws://127.0.0.1/"])
        assert caught.value.code == 2
        assert "--header: invalid header value" in capsys.readouterr()[1]

    def test_subprotocol(self):
        """``--subprotocol`` offers, in order (C38); the answer is accepted."""
        process, peer, head = self.connect(
            "--subprotocol", "chat.v2", "--subprotocol", "chat.v1",
            headers=[("Sec-WebSocket-Protocol", "chat.v1")])
        offers = re.findall("(?i)\r\nsec-websocket-protocol: ([^\r]*)", head)
        assert ",".join(offers).replace(" ", "") == "chat.v2,chat.v1"
        self.end(process, peer)

    def test_subprotocol_that_is_none(self, capfd):
        """A name that cannot be sent is one line and exit status 2."""
        assert main(["connect", "--subprotocol", "a,b", "ws://127.0.0.1/"]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tornado_ws connect: cannot use ws://127.0.0.1/: ")

    def test_compress(self):
        """``--compress`` offers permessage-deflate (C32)."""
        process, peer, head = self.connect("--compress")
        assert re.search("(?i)\r\nsec-websocket-extensions: permessage-deflate", head)
        self.end(process, peer)

    def test_verbose(self):
        """``--verbose`` tells the peer's address, its headers and each ping, on stderr."""
        process, peer, _ = self.connect("--verbose", headers=[("X-Tag", "one")])
        port = peer.socket.getsockname()[1]
        process.stdin.write(b"hello\n")
        assert peer.receive() == (TEXT, b"hello")
        peer.send(PING, b"\x01\x02")
        assert peer.receive() == (PONG, b"\x01\x02")
        process.stdin.close()
        process.stdin = None
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        status, out, err = self.finish(process)
        lines = err.splitlines()
        assert (status, out) == (0, "")
        assert lines[0] == "* 127.0.0.1 port %d" % port
        assert "< X-Tag: one" in lines
        assert lines[-3:] == ["* ping 0102",
                              "* tornado.general: Connection closed by this side: 1000 [/]",
                              "closed: 1000"]

    def test_verbose_of_a_refusal(self):
        """``--verbose`` tells the headers of a refusal too."""
        listener, url = self.listen()
        process = self.start("connect", "--verbose", url)
        peer = Peer(listener.accept()[0], None)
        self.sockets.append(peer)
        peer.read_head()
        peer.socket.sendall(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n"
                            b"Content-Length: 19\r\n\r\nlog in first\nplease")
        status, out, err = self.finish(process)
        assert (status, out) == (1, "")
        assert "< Www-Authenticate: Bearer\n" in err
        assert err.endswith(
            "tornado_ws connect: %s: HTTP 401: Unauthorized: log in first\n" % url)

    def test_connect_timeout(self):
        """``--connect-timeout`` ends the wait for a server that says nothing, with one line."""
        listener, url = self.listen()
        process = self.start("connect", "--connect-timeout", "0.2", url)
        status, out, err = self.finish(process)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("tornado_ws connect: %s: Timeout " % url)

    @pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e99", "soon"])
    def test_connect_timeout_that_is_none(self, capsys, value):
        """What is no time is a usage error."""
        with pytest.raises(SystemExit) as caught:
            main(["connect", "--connect-timeout=" + value, "ws://127.0.0.1/"])
        assert caught.value.code == 2
        assert "--connect-timeout: invalid seconds value" in capsys.readouterr()[1]

    def test_ca_file_that_is_none(self, capfd):
        """A file that is not there, or no certificate, is one line and exit status 2."""
        for name in ("no.pem", os.path.abspath(__file__)):
            assert main(["connect", "--ca-file", name, "wss://127.0.0.1/"]) == 2
            out, err = capfd.readouterr()
            assert (out, err.count("\n")) == ("", 1)
            assert err.startswith("tornado_ws connect: cannot use %s: " % name)

    def test_binary(self):
        """With ``--binary`` both ways are hex; text, which is not expected, is marked."""
        process, peer, _ = self.connect("--binary")
        process.stdin.write(b"00 ff 10\n\nABCDEF\n")
        for data in (b"\x00\xff\x10", b"", b"\xab\xcd\xef"):
            assert peer.receive() == (BINARY, data)
        peer.send(BINARY, b"\x00\xff\x10")
        peer.send(TEXT, b"00")
        peer.send(BINARY, b"")
        assert self.end(process, peer) == "00ff10\ntext: 00\n\n"

    @pytest.mark.parametrize("line", ["f", "xx", "0x00", u"\u00e9\u00e9"])
    def test_binary_that_is_not_hex(self, line):
        """In a pipe a line that is not hex ends it with exit status 2; the lines before count."""
        process, peer, _ = self.connect("--binary")
        process.stdin.write(u"01\n{}\n02\n".format(line).encode("utf-8"))
        assert peer.receive() == (BINARY, b"\x01")
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        assert self.finish(process) == (2, "", u"not hex: %s\nclosed: 1000\n" % line)

    def test_lines_of_a_pipe_are_no_commands(self):
        """What begins with / is sent as it is unless it is typed."""
        process, peer, _ = self.connect()
        process.stdin.write(b"/close\n//x\n")
        assert peer.receive() == (TEXT, b"/close")
        assert peer.receive() == (TEXT, b"//x")
        self.end(process, peer)


class TestTogether(CommandLineCase):
    """``serve`` with options, and ``connect`` with the options that fit."""

    @pytest.fixture
    def tls(self):
        """Return the arguments of ``--tls`` for a certificate of nobody in particular."""
        names = [str(self.directory.join(name)) for name in ("cert.pem", "key.pem")]
        process = subprocess.Popen(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-out", names[0], "-keyout", names[1]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate()[0]
        assert process.returncode == 0, output
        return ["--tls"] + names

    def test_tls(self, tls):
        """``serve --tls`` speaks https: and wss:; ``connect --insecure`` takes its certificate."""
        server = self.start("serve", "--port", "0", *tls)
        line = server.stdout.readline().decode("ascii")
        port = int(re.match(r"Serving on https://127\.0\.0\.1:(\d+)/ ", line).group(1))
        url = "wss://127.0.0.1:%d/echo" % port
        client = self.start("connect", "--insecure", url)
        status, out, err = self.finish(client, b"one\ntwo\n")
        # An old Tornado or Python complains here of the way in which Tornado ends TLS.
        assert (status, out, err.splitlines()[-1]) == (0, "one\ntwo\n", "closed: 1000")
        status, out, err = self.finish(self.start("connect", url), b"secret\n")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("tornado_ws connect: %s: " % url)
        url = url.replace("127.0.0.1", "localhost")
        client = self.start("connect", "--ca-file", tls[1], url)
        status, out, err = self.finish(client, b"known\n")
        assert (status, out, err.splitlines()[-1]) == (0, "known\n", "closed: 1000")
        server.terminate()
        assert self.finish(server)[0] == 0

    def test_tls_goodbye(self, tls):
        """The end of ``serve --tls`` is as orderly as without."""
        server, port = self.serve(*tls)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port))
        peer = Peer(context.wrap_socket(plain), MASK)
        self.sockets.append(peer)
        lines = ["GET /echo HTTP/1.1", "Host: x"] + ["%s: %s" % item for item in HANDSHAKE]
        peer.socket.sendall("\r\n".join(lines + ["", ""]).encode("ascii"))
        assert peer.read_head().startswith("HTTP/1.1 101 ")
        server.terminate()
        assert peer.receive_close() == 1001
        peer.send_close(1001)
        assert self.finish(server) == (0, "", "closing 1 connection (Ctrl-C again cuts off)\n")

    def test_tls_to_a_server_without(self):
        """Both sides of a TLS handshake with ``serve`` without ``--tls`` are done with at once."""
        server, port = self.serve()
        mute = self.dial_tcp(port)
        url = "wss://127.0.0.1:%d/echo" % port
        status, out, err = self.finish(self.start("connect", "--connect-timeout", "50", url))
        assert (status, out) == (1, "")
        why = "the server does not speak TLS, which wss: asks for"
        assert err == "tornado_ws connect: %s: %s\n" % (url, why)
        self.stop(server)
        assert mute.recv(1) == b""
        mute.close()

    def test_a_peer_that_is_gone_before_it_said_anything(self):
        """It costs the server nothing."""
        server, port = self.serve()
        gone = self.dial_tcp(port)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        self.dial_tcp(port).close()
        peer = self.join(port, "/echo")
        peer.send(TEXT, b"hello")
        assert peer.receive() == (TEXT, b"hello")
        self.stop(server)

    def dial_tcp(self, port):
        """Connect, and say nothing."""
        connection = socket.create_connection(("127.0.0.1", port))
        connection.settimeout(DEADLINE)
        return connection

    def test_tls_without_files(self, capfd):
        """A certificate that is not there is one line and exit status 2."""
        assert main(["serve", "--port", "0", "--tls", "no.pem", "no.key"]) == 2
        assert tuple(capfd.readouterr()) == (
            "", "tornado_ws serve: cannot use no.pem and no.key: No such file or directory\n")

    def test_tls_with_other_files(self, capfd):
        """A file that is no certificate is one line and exit status 2."""
        name = os.path.abspath(__file__)
        assert main(["serve", "--port", "0", "--tls", name, name]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tornado_ws serve: cannot use ")

    def test_compressed(self):
        """``--compress`` on both sides; on one side alone it changes nothing."""
        for server_args, client_args in [(["--compress"], ["--compress"]), ([], ["--compress"])]:
            server, port = self.serve(*server_args)
            client = self.start("connect", "ws://127.0.0.1:%d/echo" % port, *client_args)
            text = u"x" * 10000 + u"\n"
            assert self.finish(client, text.encode("ascii")) == (0, text, "closed: 1000\n")
            self.stop(server)

    @pytest.mark.parametrize("line, status, end", [
        ("/close 1000", 0, "1000"), ("/close 1001 later", 0, "1001 later"),
        ("/close 4001 why not", 3, "4001 why not"), ("/close 1011", 3, "1011"),
        ("/close 1005", 0, None), ("/close 40", 0, None), ("/close 4001 " + "x" * 124, 0, None)])
    def test_the_server_closes_as_it_is_told(self, line, status, end):
        """With the subprotocol ``demo`` a client says how ``/echo`` closes; what may not be sent
        in a close is echoed."""
        server, port = self.serve()
        client = self.start("connect", "--subprotocol", "other", "--subprotocol", "demo",
                            "ws://127.0.0.1:%d/echo" % port)
        client.stdin.write((line + "\n").encode("ascii"))
        if end is None:
            assert client.stdout.readline().decode("ascii") == line + "\n"
            client.stdin.close()
            client.stdin = None
        assert self.finish(client) == (status, "", "closed: %s\n" % (end or "1000"))
        self.stop(server)

    def test_only_the_demo_subprotocol_has_commands(self):
        """Without it, and in binary messages, ``/close`` is echoed like anything else."""
        server, port = self.serve()
        plain = self.join(port, "/echo")
        plain.send(TEXT, b"/close 4001")
        assert plain.receive() == (TEXT, b"/close 4001")
        demo = self.join(port, "/echo", headers=DEMO)
        assert "Sec-Websocket-Protocol: demo\r\n" in demo.response
        demo.send(BINARY, b"/close 4001")
        assert demo.receive() == (BINARY, b"/close 4001")
        demo.send(TEXT, b"/close 4001 now")
        assert demo.receive() == (CLOSE, b"\x0f\xa1now")
        self.stop(server)

    def get_page(self, port, host):
        """Return the head and the body of the page, asked for under a host name."""
        browser = Peer(socket.create_connection(("127.0.0.1", port)), None)
        self.sockets.append(browser)
        request = u"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host
        browser.socket.sendall(request.encode("ascii"))
        head = browser.read_head()
        size = int(re.search("Content-Length: ([0-9]+)", head).group(1))
        return head, browser.file.read(size).decode("utf-8")

    def test_the_page_has_a_strict_policy(self):
        """The page may run its own script and style only, and connect to its own server only."""
        server, port = self.serve()
        head, body = self.get_page(port, "example.org:8888")
        policy = re.search("\r\nContent-Security-Policy: ([^\r]*)", head).group(1)
        rules = dict(rule.partition(" ")[::2] for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["connect-src"] == "'self' ws://example.org:8888 wss://example.org:8888"
        for rule, tag in (("script-src", "script"), ("style-src", "style")):
            text, = re.findall("(?s)<%s>(.*?)</%s>" % (tag, tag), body)
            digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
            assert rules[rule] == "'sha256-%s'" % digest.decode("ascii")
        self.stop(server)

    def test_the_policy_takes_no_rules_from_the_request(self):
        """A Host that is none does not get into the policy."""
        server, port = self.serve()
        head, _ = self.get_page(port, "x;script-src")
        assert head.startswith("HTTP/1.1 400 ") or "connect-src 'self';" in head
        self.stop(server)


def test_version(capsys):
    """``--version`` tells what is at work, and whether the C extension is."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code in (0, None)
    said = "".join(capsys.readouterr())  # Python 2 has it on the other one
    assert re.match(r"tornado_ws %s \(%s its C extension\), Tornado [\d.]+\w*, \w+ [\d.]+\s*$" % (
        re.escape(__version__), "with" if _straight.in_c else "without"), said), said
