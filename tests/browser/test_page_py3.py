"""The page of ``python -m tornado_ws serve``, in Chromium."""
from __future__ import absolute_import, division, print_function

import contextlib
import socket
import subprocess
import threading

import pytest
from browser_case import DEADLINE, Panel, Server, browser
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from tornado import ioloop, netutil

from tornado_ws._cli import demo

__all__ = ["browser"]

MILLISECONDS = r"\d+\.\d ms"


@pytest.fixture
def start(tmp_path):
    """Give a function that starts the server; it is ended with the test."""
    servers = []

    def start_server(*args, **options):
        servers.append(Server(tmp_path, args, **options))
        return servers[-1]

    yield start_server
    for server in servers:
        server.clean_up()


@pytest.fixture
def page(browser):
    """Give a function that opens the page of a server and returns its two panels, connected."""
    def open_page(server):
        browser.get_log("browser")
        browser.get(server.url)
        panels = [Panel(browser, name) for name in ("echo", "chat")]
        for panel in panels:
            panel.wait_for_state("open")
        return panels

    yield open_page
    browser.get("about:blank")


def test_text(browser, page, start):
    """What is typed goes out and comes back; both ways are shown, counted and timed."""
    echo, chat = page(start())
    text = u"h\u00e9llo <b>w\u00f6rld</b> \u20ac"
    echo.say(text)
    assert echo.wait_for_line(u"\u2191", text, ".*") == "24 bytes"
    echo.wait_for_line(u"\u2193", text, "24 bytes, " + MILLISECONDS)
    for way in ("sent", "received"):
        assert echo.text(".%s-count" % way) == "1 message\n24 bytes"
    chat.say("hi")
    chat.wait_for_line(u"\u2191", "hi", "2 bytes")
    chat.wait_for_line(u"\u2193", "guest 1: hi", MILLISECONDS)
    assert chat.text(".sent-count") == "1 message\n2 bytes"
    assert chat.text(".detail") == "you are guest 1; 1 here"
    assert browser.get_log("browser") == []  # nothing that the policy of the page forbids


def test_binary(page, start):
    """Hex goes out as a binary message and comes back as the same."""
    echo, _ = page(start())
    echo.say("00 FF 7f80", "hex")
    assert echo.wait_for_line(u"\u2191", "00 ff 7f 80", ".*") == "binary, 4 bytes"
    echo.wait_for_line(u"\u2193", "00 ff 7f 80", "binary, 4 bytes, " + MILLISECONDS)
    echo.say("f", "hex")
    echo.wait_for_line(u"\u00b7", "not hex: f")
    assert echo.text(".sent-count") == "1 message\n4 bytes"


def test_the_chat_takes_text_only(page, start):
    """There is nothing to choose there."""
    echo, chat = page(start())
    assert [len(panel.browser.find_elements(By.CSS_SELECTOR, "#%s select" % panel.name))
            for panel in (echo, chat)] == [1, 0]


def test_a_close_code_that_may_not_be_sent(page, start):
    """It is told as what it is, and the messages after it find their echoes."""
    echo, _ = page(start())
    echo.have_closed("1005", "why")
    echo.wait_for_line(u"\u00b7", "the server does not close with 1005: it may not be sent")
    echo.say("still there")
    echo.wait_for_line(u"\u2193", "still there", "11 bytes, " + MILLISECONDS)
    assert echo.text(".received-count") == "1 message\n11 bytes"


def test_latency_without_messages(page, start):
    """The latency is measured also when nothing is sent; that counts as no message."""
    echo, chat = page(start())
    echo.wait(lambda: echo.text(".latency").endswith(" ms"))
    assert echo.text(".sent-count") == echo.text(".received-count") == "0 messages\n0 bytes"
    assert chat.text(".latency") == u"\u2013"


@pytest.mark.parametrize("args, extension", [((), "none"), (("--compress",), "permessage-deflate")])
def test_compression(page, start, args, extension):
    """The page shows the extension that was negotiated, and texts come through it."""
    echo, chat = page(start(*args))
    assert echo.text(".extension") == chat.text(".extension") == extension
    echo.say("again " * 50)
    echo.wait_for_line(u"\u2193", "(again ){50}", "300 bytes, " + MILLISECONDS)


@pytest.mark.parametrize("args", [(), ("--compress",)])
def test_five_mebibytes(page, start, args):
    """A message of 5 MiB comes back as it was sent."""
    echo, _ = page(start(*args))
    echo.find(".large").click()
    echo.wait_for_line(u"\u2193", u".* \u2026", "binary, 5,242,880 bytes, " + MILLISECONDS)
    for way in ("sent", "received"):
        assert echo.text(".%s-count" % way) == "1 message\n5,242,880 bytes"


@pytest.mark.parametrize("code, reason, how", [
    ("4001", u"f\u00fcr heute genug", u"4001 f\u00fcr heute genug"), ("1000", "", "1000"),
    ("1011", "broken", "1011 broken")])
def test_closed_by_the_server(page, start, code, reason, how):
    """The code and the reason of the server's close are shown; then it connects again."""
    echo, _ = page(start())
    echo.have_closed(code, reason)
    echo.wait_for_line(u"\u00b7", "closed: " + how)
    echo.wait(lambda: echo.text(".reconnects") == "1")
    echo.wait_for_state("open")
    echo.say("back again")
    echo.wait_for_line(u"\u2193", "back again", ".*")


def test_the_server_goes_and_comes(page, start):
    """Without a server it tries again, waiting longer each time; with one it is back."""
    server = start()
    panels = page(server)
    assert server.stop() == (0, "closing 2 connections (Ctrl-C again cuts off)\n")
    for panel in panels:
        panel.wait_for_line(u"\u00b7", "closed: 1001 going away")
        panel.wait(lambda: "; attempt 3 to reconnect in " in panel.text(".detail"))
        assert panel.text(".detail").startswith("connection lost, or refused (1006)")
        assert panel.text(".toggle") == "Connect now"
        assert not panel.find(".message input").is_enabled()
    start(port=server.port)
    for panel in panels:
        panel.wait_for_state("open")
        assert panel.text(".reconnects") == "1"


def test_tls(page, start, tmp_path):
    """A page that came by https: talks over wss:."""
    names = [str(tmp_path / name) for name in ("cert.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-out", names[0], "-keyout", names[1]],
        check=True, stderr=subprocess.DEVNULL)
    server = start("--tls", *names)
    assert server.url.startswith("https:")
    echo, _ = page(server)
    echo.say("in secret")
    echo.wait_for_line(u"\u2193", "in secret", ".*")


def test_disconnected_by_the_user(page, start):
    """Who disconnects is not connected again until he asks for it."""
    echo, _ = page(start())
    echo.say("hello")
    echo.wait(lambda: echo.text(".latency").endswith(" ms"))
    echo.find(".toggle").click()
    echo.wait_for_state("closed")
    assert (echo.text(".detail"), echo.text(".toggle")) == ("1000", "Connect")
    assert echo.text(".latency") == u"\u2013"  # that was another connection's
    echo.find(".toggle").click()
    echo.wait_for_state("open")


def test_chat_of_two_pages(browser, page, start):
    """What one page says, the other shows."""
    server = start()
    _, chat = page(server)
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        _, other = page(server)
        other.say("anybody here?")
        other.wait_for_line(u"\u2193", "guest 2: anybody here\\?", MILLISECONDS)
    finally:
        browser.close()
        browser.switch_to.window(first)
    chat.wait_for_line(u"\u2193", "guest 2: anybody here\\?")
    chat.wait_for_line(u"\u00b7", "guest 2 left, 1 here")


class WatchedEcho(demo.Echo):
    """Notes what happens to it, and stops reading in the middle of the first large message."""

    def open(self):
        super(WatchedEcho, self).open()
        self.notes = []
        self.application.watched.append(self)
        self.protocol = self.ws_connection
        self.watch()

    def watch(self):
        if self.protocol._core.bytes_missing:
            self.protocol._transport.pause()
            self.notes.append("in the middle")
        elif "close" not in self.notes:
            self.stream.io_loop.add_callback(self.watch)

    def on_message(self, message):
        self.notes.append(message)
        return super(WatchedEcho, self).on_message(message)

    def on_close(self):
        self.notes.append("close")
        super(WatchedEcho, self).on_close()


class ServerThread(object):
    """The demonstration with `WatchedEcho`, in a thread of this process."""

    def __init__(self):
        self.listeners = netutil.bind_sockets(0, "127.0.0.1")
        self.url = "http://127.0.0.1:%d/" % self.listeners[0].getsockname()[1]
        self.signal, self.stopped = socket.socketpair()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        assert self.started.wait(DEADLINE)

    def run(self):
        with contextlib.closing(ioloop.IOLoop(make_current=False)) as self.loop:
            self.application = demo.Application()
            self.application.watched = []
            self.application.add_handlers(".*", [("/echo", WatchedEcho)])
            self.started.set()
            self.loop.run_sync(
                lambda: demo.serve(self.application, self.listeners, self.stopped))

    def stop(self):
        self.signal.send(b"!!")
        self.thread.join(DEADLINE)
        self.signal.close()
        self.stopped.close()
        assert not self.thread.is_alive()


def test_reload_in_the_middle_of_a_message(browser, page):
    """The server goes on, never sees the message, and calls ``on_close`` once (C26)."""
    server = ServerThread()
    try:
        echo, _ = page(server)
        first, = server.application.watched
        wait = WebDriverWait(browser, DEADLINE, 0.01)
        echo.find(".large").click()
        wait.until(lambda browser: "in the middle" in first.notes)
        browser.refresh()
        echo.wait_for_state("open")
        server.loop.add_callback(first.protocol._transport.resume)
        wait.until(lambda browser: "close" in first.notes)
        echo.say("still there?")
        echo.wait_for_line(u"\u2193", "still there\\?", ".*")
        assert [note for note in first.notes if note != "latency"] == ["in the middle", "close"]
        assert len(server.application.watched) == 2
    finally:
        browser.get("about:blank")
        server.stop()
    for handler in server.application.watched:
        assert handler.notes.count("close") == 1
