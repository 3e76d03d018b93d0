"""A pseudo-terminal with a program in it, and the screen that a user would see.

The screen understands what readline sends to an ``xterm``, and complains of anything else.
"""
from __future__ import absolute_import, division, print_function

import codecs
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

SEQUENCE = re.compile(u"\x1b(?:\\[([?]?)([0-9;]*)([@-~])|[=>])")
UNFINISHED = re.compile(u"\x1b(?:\\[[?]?[0-9;]*)?\\Z")

# The program's process makes the terminal its own, and then becomes the program.
LAUNCHER = """
import os, sys
os.setsid()
for fd in range(3):
    os.dup2(os.open(sys.argv[1], os.O_RDWR), fd)
os.execv(sys.executable, [sys.executable] + sys.argv[2:])
"""


class Screen(object):
    """Rows of characters, and a cursor."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = [[]]
        self.x = self.y = 0

    def text(self):
        """Return the rows as str, without blanks at their ends and empty rows at the end."""
        rows = [u"".join(row).rstrip() for row in self.rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def feed(self, text):
        """Show text; returns the part of a control sequence at its end that is not whole yet."""
        while text:
            if UNFINISHED.match(text):
                return text
            match = SEQUENCE.match(text)
            if match:
                if match.group(3) and not match.group(1):
                    self.control(match.group(3), match.group(2))
                text = text[match.end():]
            else:
                self.put(text[0])
                text = text[1:]
        return u""

    def move(self, x, y):
        """Move the cursor; rows and blanks come into being when it gets there."""
        self.x, self.y = max(x, 0), max(y, 0)
        while len(self.rows) <= self.y:
            self.rows.append([])
        row = self.rows[self.y]
        row.extend(u" " * (self.x - len(row)))

    def put(self, character):
        """Show a character, or obey one."""
        if character == u"\n":
            self.move(self.x, self.y + 1)
        elif character == u"\r":
            self.move(0, self.y)
        elif character == u"\b":
            self.move(min(self.x, self.columns - 1) - 1, self.y)
        elif character == u"\t":
            self.move(self.x // 8 * 8 + 8, self.y)
        elif character != u"\x07":
            assert character >= u" ", repr(character)
            if self.x >= self.columns:
                self.move(0, self.y + 1)
            self.rows[self.y][self.x:self.x + 1] = [character]
            self.x += 1

    def control(self, name, argument):
        """Obey a control sequence."""
        row = self.rows[self.y]
        number = int(argument or "0")
        count = number or 1
        if name == u"A":
            self.move(self.x, self.y - count)
        elif name == u"B":
            self.move(self.x, self.y + count)
        elif name == u"C":
            self.move(self.x + count, self.y)
        elif name == u"D":
            self.move(self.x - count, self.y)
        elif name == u"K" and number == 0:
            del row[self.x:]
        elif name == u"J" and number == 0:
            del row[self.x:], self.rows[self.y + 1:]
        elif name == u"P":
            del row[self.x:self.x + count]
        elif name == u"@":
            row[self.x:self.x] = u" " * count
        else:
            assert name == u"m", (name, argument)


class Terminal(object):
    """``python ARGS...`` in a terminal of its own.

    Args:
        args: The arguments.
        directory: The working directory, and the user's home.
        columns: The width.
        deadline: Seconds after which the program is killed.
        environment: More environment variables.
    """

    def __init__(self, args, directory, columns, deadline, environment):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns)
        self.resize(columns)
        self.modes = termios.tcgetattr(self.slave)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._rest = u""
        environment = dict(dict(os.environ, TERM="xterm", HOME=directory, LC_ALL="C.UTF-8",
                                PYTHONIOENCODING="utf-8", INPUTRC=os.devnull), **environment)
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, os.ttyname(self.slave)] + list(args),
            cwd=directory, env=environment)
        self._timer = threading.Timer(deadline, self.process.kill)
        self._timer.start()

    def resize(self, columns):
        """Give the terminal another width; the program is told by SIGWINCH."""
        self.screen.columns = columns
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, text):
        """Press keys."""
        os.write(self.master, text.encode("utf-8"))

    def read(self):
        """Show what the program has written next; returns whether it may write more."""
        while not select.select([self.master], [], [], 0.1)[0]:
            if self.process.poll() is not None:
                return False
        try:
            data = os.read(self.master, 4096)
        except EnvironmentError as error:
            assert error.errno == errno.EIO
            return False
        self._rest = self.screen.feed(self._rest + self._decode(data))
        return True

    def wait_for(self, condition):
        """Read until ``condition(rows, x)`` is true of the screen's rows and the cursor's column.

        Raises:
            AssertionError: The program ended before; with what the screen showed.
        """
        while not condition(self.screen.text(), self.screen.x):
            assert self.read(), self.screen.text()

    def wait_for_rows(self, *rows):
        """Wait until the last rows of the screen are these, and the cursor is at their end."""
        last = list(rows)
        self.wait_for(lambda shown, x: shown[-len(last):] == last
                      and x == max(len(last[-1]), len(u"> ") * (last[-1] == u">")))

    def finish(self):
        """Read what is left; return the exit status and the rows of the screen."""
        while self.read():
            pass
        return self.process.wait(), self.screen.text()

    def modes_are_as_before(self):
        """Tell whether the program has left the terminal as it found it."""
        return termios.tcgetattr(self.slave) == self.modes

    def restore_modes(self):
        """Give the terminal the modes that it had before the program."""
        termios.tcsetattr(self.slave, termios.TCSANOW, self.modes)

    def close(self):
        """End the program and close the terminal."""
        self._timer.cancel()
        self._timer.join()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
