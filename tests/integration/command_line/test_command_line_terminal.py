"""``python -m tornado_ws connect`` at a terminal, as a user sees it."""
from __future__ import absolute_import, division, print_function

import importlib
import os
import re
import signal

import pytest
from command_line_case import BINARY, CLOSE, DEADLINE, PING, PONG, TEXT, CommandLineCase
from terminal import Terminal

UP, LEFT = u"\x1b[A", u"\x1b[D"
CTRL_A, CTRL_C, CTRL_D, CTRL_R, BACKSPACE = u"\x01", u"\x03", u"\x04", u"\x12", u"\x7f"
PROMPT = u">"

try:
    importlib.import_module("readline")
except ImportError:
    if os.environ.get("TORNADO_WS_REQUIRE_ALL"):
        raise
    pytest.skip("this Python was built without readline", allow_module_level=True)


@pytest.mark.terminals
class TestTerminal(CommandLineCase):
    """Editing, history, commands, and messages that come while a line is typed."""

    @pytest.fixture(autouse=True)
    def _terminals(self, _clean_up):
        self.terminals = []
        yield
        for terminal in self.terminals:
            terminal.close()

    def open(self, *args, **options):
        """Start ``connect`` in a terminal; return the terminal and the server's end."""
        columns, prompt = options.pop("columns", 80), options.pop("prompt", True)
        listener, url = self.listen()
        terminal = Terminal(("-m", "tornado_ws", "connect") + args + (url,),
                            str(self.directory), columns, DEADLINE, options)
        self.terminals.append(terminal)
        peer = self.accept(listener)
        terminal.wait_for(lambda rows, x: rows[-1:] == [PROMPT] if prompt else rows)
        return terminal, peer

    def leave(self, terminal, peer):
        """Press Ctrl-D, and check that all ends well."""
        terminal.type(CTRL_D)
        assert peer.receive_close() == 1000
        peer.send_close(1000)
        peer.close()
        status, rows = terminal.finish()
        assert (status, rows[-1]) == (0, u"closed: 1000")
        assert terminal.modes_are_as_before()

    def test_greets(self):
        """It tells where it is connected to and how to go on, then a prompt."""
        terminal, peer = self.open(columns=120)
        rows = terminal.screen.text()
        assert re.match(r"connected: ws://127.0.0.1:\d+/; Ctrl-D closes, /help helps\Z", rows[0])
        assert rows[1:] == [PROMPT]
        self.leave(terminal, peer)

    def test_edits_the_line(self):
        """The cursor moves, characters are inserted and deleted; Return sends."""
        terminal, peer = self.open()
        terminal.type(u"wrld!" + BACKSPACE + LEFT * 3 + u"o" + CTRL_A + u"hello \r")
        assert peer.receive() == (TEXT, b"hello world")
        terminal.wait_for_rows(u"> hello world", PROMPT)
        self.leave(terminal, peer)

    def test_edits_characters_not_bytes(self):
        """A character outside of ASCII is one step of the cursor and one backspace."""
        terminal, peer = self.open()
        terminal.type(u"z\u00fc\u20ac" + BACKSPACE + LEFT + u"x\r")
        assert peer.receive() == (TEXT, u"zx\u00fc".encode("utf-8"))
        self.leave(terminal, peer)

    def test_remembers_lines(self):
        """Lines come back with the arrow keys and Ctrl-R, also in the next session."""
        terminal, peer = self.open()
        terminal.type(u"first\rsecond\r" + UP * 2 + u"!\r")
        for line in (b"first", b"second", b"first!"):
            assert peer.receive() == (TEXT, line)
        self.leave(terminal, peer)
        assert os.stat(str(self.directory.join(".tornado_ws_history"))).st_mode & 0o077 == 0
        terminal, peer = self.open()
        terminal.type(UP + u"?\r" + CTRL_R + u"seco\r")
        for line in (b"first!?", b"second"):
            assert peer.receive() == (TEXT, line)
        self.leave(terminal, peer)

    def test_history_file(self):
        """TORNADO_WS_HISTORY names another file; if it is empty, nothing is written."""
        for name in ("elsewhere", ""):
            terminal, peer = self.open(TORNADO_WS_HISTORY=name)
            terminal.type(u"kept\r")
            assert peer.receive() == (TEXT, b"kept")
            self.leave(terminal, peer)
        assert [path.basename for path in self.directory.listdir()] == ["elsewhere"]

    def test_unwritable_history(self):
        """A history that can be neither read nor written stops nothing."""
        terminal, peer = self.open(TORNADO_WS_HISTORY=str(self.directory))
        self.leave(terminal, peer)

    def test_messages_stand_above_the_line(self):
        """A message that comes while a line is typed moves the line down, cursor and all."""
        terminal, peer = self.open()
        terminal.type(u"abcd" + LEFT * 2)
        terminal.wait_for(lambda rows, x: rows[-1] == u"> abcd" and x == 4)
        peer.send(TEXT, b"news")
        terminal.wait_for(lambda rows, x: rows[-2:] == [u"< news", u"> abcd"] and x == 4)
        terminal.type(u"X")
        terminal.wait_for(lambda rows, x: rows[-2:] == [u"< news", u"> abXcd"] and x == 5)
        peer.send(BINARY, b"\x00\xff")
        terminal.wait_for(lambda rows, x: rows[-2:] == [u"< binary: 00ff", u"> abXcd"] and x == 5)
        terminal.type(u"\r")
        assert peer.receive() == (TEXT, b"abXcd")
        terminal.wait_for_rows(u"< news", u"< binary: 00ff", u"> abXcd", PROMPT)
        self.leave(terminal, peer)

    def test_messages_stand_above_a_long_line(self):
        """A line of several rows is moved as a whole, with the cursor in its first row."""
        terminal, peer = self.open(columns=40)
        line = u"".join(u"%02d" % number for number in range(50))
        terminal.type(line + CTRL_A)
        rows = [u"> " + line[:38], line[38:78], line[78:]]
        terminal.wait_for(lambda shown, x: shown[-3:] == rows and x == 2)
        for number in range(3):
            peer.send(TEXT, b"news %d" % number if number else b"n" * 50)
        rows[:0] = [u"< " + u"n" * 38, u"n" * 12, u"< news 1", u"< news 2"]
        terminal.wait_for(lambda shown, x: shown[-7:] == rows and x == 2)
        terminal.type(u"!\r")
        assert peer.receive() == (TEXT, b"!" + line.encode("ascii"))
        self.leave(terminal, peer)

    def test_messages_during_a_search(self):
        """A search in the history goes on after a message."""
        terminal, peer = self.open()
        terminal.type(u"needle\r" + CTRL_R + u"need")
        assert peer.receive() == (TEXT, b"needle")
        terminal.wait_for(lambda rows, x: rows[-1].endswith(u"`need': needle"))
        peer.send(TEXT, b"hay")
        terminal.wait_for(lambda rows, x: rows[-2] == u"< hay" and rows[-1].endswith(u": needle"))
        terminal.type(u"\r")
        assert peer.receive() == (TEXT, b"needle")
        self.leave(terminal, peer)

    def test_messages_cannot_control_the_terminal(self):
        """Control characters are shown as escapes, further lines indented, long ones cut."""
        terminal, peer = self.open()
        peer.send(TEXT, u"a\x1b[2J\u0007\r\u009b1mb\nc\td".encode("utf-8"))
        terminal.wait_for_rows(u"< a\\x1b[2J\\x07\\x0d\\x9b1mb", u"  c     d", PROMPT)
        self.leave(terminal, peer)

    def test_long_messages_are_cut(self):
        """A message of megabytes is not poured over the screen."""
        terminal, peer = self.open()
        peer.send(BINARY, b"\x00" * 5000000)
        terminal.wait_for(lambda rows, x: rows[-1] == PROMPT
                          and rows[-2].endswith(u"000... (5000000 in all)"))
        assert len(terminal.screen.text()) < 60
        self.leave(terminal, peer)

    def test_ping(self):
        """``/ping`` tells how long the answer took; an unasked-for pong is nothing."""
        terminal, peer = self.open()
        terminal.type(u"/ping\r")
        first, payload = peer.receive()
        assert first == PING and payload
        peer.send(PONG, b"something else")
        peer.send(PONG, payload)
        terminal.wait_for(lambda rows, x: rows[-1] == PROMPT
                          and re.match(r"pong: \d+\.\d ms\Z", rows[-2]))
        self.leave(terminal, peer)

    def test_a_line_that_begins_with_a_slash(self):
        """``//`` sends a line with one slash; an unknown command is not sent."""
        terminal, peer = self.open()
        terminal.type(u"/pong\r")
        terminal.wait_for_rows(
            u"> /pong", u"no such command; /help lists them, //... sends a line with a /", PROMPT)
        terminal.type(u"/\r//pong\r")
        assert peer.receive() == (TEXT, b"/pong")
        self.leave(terminal, peer)

    def test_help(self):
        """``/help`` lists the commands."""
        terminal, peer = self.open()
        terminal.type(u"/help\r")
        terminal.wait_for(lambda rows, x: rows[-1] == PROMPT
                          and [row.split()[0] for row in rows[-5:-1]]
                          == [u"/ping", u"/close", u"/help", u"//..."])
        self.leave(terminal, peer)

    @pytest.mark.parametrize("command, payload", [
        (u"/close", b"\x03\xe8"), (u"/close 4001", b"\x0f\xa1"),
        (u"/close 4001 some reason", b"\x0f\xa1some reason")])
    def test_close(self, command, payload):
        """``/close CODE REASON`` closes with them; a code that may not be sent is refused."""
        terminal, peer = self.open()
        terminal.type(u"/close 1005\r/close x\r")
        terminal.wait_for(lambda rows, x: len(rows) == 6 and rows[-1] == PROMPT)
        terminal.type(command + u"\r")
        assert peer.receive() == (CLOSE, payload)
        peer.send(CLOSE, payload)
        peer.close()
        status, rows = terminal.finish()
        good = payload == b"\x03\xe8"
        assert (status, rows[-1]) == (0 if good else 3, u"closed: 1000" if good else
                                      u"closed: 4001 " + command[12:] if command[12:]
                                      else u"closed: 4001")

    def test_closed_by_the_server_while_typing(self):
        """The line that was being typed leaves the screen; the terminal is as it was."""
        terminal, peer = self.open()
        terminal.type(u"unsent")
        terminal.wait_for_rows(u"> unsent")
        peer.send_close(4001, b"enough")
        assert peer.receive_close() == 4001
        peer.close()
        status, rows = terminal.finish()
        assert (status, rows[1:]) == (3, [u"closed: 4001 enough"])
        assert terminal.modes_are_as_before()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted_while_typing(self, number):
        """Ctrl-C, like SIGTERM, closes with 1001 and gives the terminal back."""
        terminal, peer = self.open()
        terminal.type(u"unsent")
        terminal.wait_for_rows(u"> unsent")
        if number == signal.SIGINT:
            terminal.type(CTRL_C)
        else:
            terminal.process.send_signal(number)
        assert peer.receive_close() == 1001
        peer.send_close(1001)
        peer.close()
        status, rows = terminal.finish()
        assert (status, rows[1:]) == (128 + number, [u"closed: 1001"])
        assert terminal.modes_are_as_before()

    def test_an_unknown_locale(self):
        """Then the line is edited byte by byte."""
        terminal, peer = self.open(LC_ALL="xx_XX.unknown")
        terminal.type(u"ac" + LEFT + u"b\r")
        assert peer.receive() == (TEXT, b"abc")
        self.leave(terminal, peer)

    def test_binary(self):
        """With ``--binary`` lines are hex; one that is not is refused, and commands work."""
        terminal, peer = self.open("--binary")
        terminal.type(u"00 ff1\r00 FF 10\r/ping\r")
        assert peer.receive() == (BINARY, b"\x00\xff\x10")
        assert peer.receive()[0] == PING
        peer.send(BINARY, b"\x01\x02")
        peer.send(TEXT, b"words")
        terminal.wait_for_rows(u"> 00 ff1", u"not hex: 00 ff1", u"> 00 FF 10", u"> /ping",
                               u"< 0102", u"< text: words", PROMPT)
        self.leave(terminal, peer)

    def test_the_terminal_changes_its_size(self):
        """When the width changes, the line is shown again, wrapped at the new one."""
        terminal, peer = self.open(columns=40)
        terminal.type(u"x" * 60)
        terminal.wait_for_rows(u"> " + u"x" * 38, u"x" * 22)
        terminal.resize(80)
        terminal.wait_for_rows(u"> " + u"x" * 60)
        terminal.type(u"\r")
        assert peer.receive() == (TEXT, b"x" * 60)
        self.leave(terminal, peer)

    def test_stopped_and_continued(self):
        """After Ctrl-Z and ``fg`` the line is there again, and edited."""
        terminal, peer = self.open()
        terminal.type(u"abc")
        terminal.wait_for_rows(u"> abc")
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.restore_modes()  # as a shell does
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(lambda rows, x: not terminal.modes_are_as_before())
        terminal.type(LEFT + u"X\r")
        assert peer.receive() == (TEXT, b"abXc")
        self.leave(terminal, peer)

    def test_on_a_dumb_terminal(self):
        """With ``TERM=dumb`` nothing is edited, and the commands are the same."""
        terminal, peer = self.open(TERM="dumb", prompt=False)
        terminal.type(u"/ping\r//x\r")
        assert peer.receive()[0] == PING
        assert peer.receive() == (TEXT, b"/x")
        peer.send(TEXT, b"plain")
        terminal.wait_for(lambda rows, x: rows[-1] == u"plain")
        self.leave(terminal, peer)
