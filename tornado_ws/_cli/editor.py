"""A line that is edited at the bottom of a terminal while lines are printed above it.

The line belongs to GNU readline, which Python's module of that name has loaded. The module itself
can only wait for a whole line. Here readline's own interface for programs with an event loop is
called, through ``ctypes``: the IOLoop tells it that a key can be read, it tells us of a line.
All of that happens on the loop's thread, so nothing is printed in the middle of a key.
"""
from __future__ import absolute_import, division, print_function

import ctypes
import locale
import os
import sys

from tornado_ws._cli.common import say

PROMPT = b"> "
HISTORY_VARIABLE = "TORNADO_WS_HISTORY"
HISTORY_FILE = os.path.join("~", ".tornado_ws_history")
HISTORY_LINES = 1000

_NEEDED = ["add_history", "rl_callback_handler_install", "rl_callback_handler_remove",
           "rl_callback_read_char", "rl_clear_visible_line", "rl_forced_update_display",
           "rl_prep_term_function", "rl_deprep_term_function", "rl_prep_terminal",
           "rl_deprep_terminal", "rl_resize_terminal", "fflush", "free"]
_LINE_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def make_editor():
    """Return an `Editor`, or None where there is no readline that can do it, or no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return None
    try:
        import readline
    except ImportError:
        return None
    try:
        library = ctypes.CDLL(getattr(readline, "__file__", None))
    except EnvironmentError:
        return None  # PyPy's module is in Python
    if all(hasattr(library, name) for name in _NEEDED):
        return Editor(readline, library)
    return None


class Editor(object):
    """The line and its history.

    Args:
        readline: Python's module.
        library: The functions of the library behind it.
    """

    def __init__(self, readline, library):
        self._readline = readline
        self._library = library
        self._handler = _LINE_HANDLER(self._take_line)
        self._loop = None
        self._editing = False
        name = os.environ.get(HISTORY_VARIABLE, os.path.expanduser(HISTORY_FILE))
        self._history_file = name or None
        self._last_line = None
        self._lines = []
        self._modes = [ctypes.c_void_p.in_dll(library, name) for name in
                       ("rl_prep_term_function", "rl_deprep_term_function")]
        self._functions = [mode.value for mode in self._modes]

    def start(self, loop, on_line):
        """Show the prompt and edit lines until `stop` or the end of the input.

        Args:
            loop: The IOLoop, the current one.
            on_line: Called with each line, unicode, and with None at the end of the input.
        """
        try:
            locale.setlocale(locale.LC_CTYPE, "")  # readline counts characters by it
        except locale.Error:
            pass
        try:
            if self._history_file:
                self._readline.read_history_file(self._history_file)
        except EnvironmentError:
            pass  # there is none yet
        self._loop, self._on_line = loop, on_line
        self._library.rl_callback_handler_install(PROMPT, self._handler)
        # From one line to the next readline would have the terminal edit and echo what is typed.
        for mode in self._modes:
            mode.value = None
        self._editing = True
        loop.add_handler(sys.stdin.fileno(), self._read_key, loop.READ)

    def stop(self):
        """Take the line from the screen, give the terminal back, and keep the history."""
        if not self._editing:
            return
        self._loop.remove_handler(sys.stdin.fileno())
        self._hide()
        self._editing = False
        for mode, function in zip(self._modes, self._functions):
            mode.value = function
        self._library.rl_callback_handler_remove()
        self._library.rl_deprep_terminal()
        try:
            if self._history_file:
                self._readline.set_history_length(HISTORY_LINES)
                self._readline.write_history_file(self._history_file)
        except EnvironmentError:
            pass  # then not

    def say(self, stream, text):
        """Print a line above the one that is edited."""
        self._hide()
        say(stream, text)
        if self._editing:
            self._library.rl_forced_update_display()

    def resize(self):
        """Take notice of the terminal's new size."""
        if self._editing:
            self._library.rl_resize_terminal()

    def resume(self):
        """Take the terminal back from a shell that this program was stopped in favour of."""
        if self._editing:
            self._library.rl_deprep_terminal()
            self._library.rl_prep_terminal(1)
            self._library.rl_forced_update_display()

    def _hide(self):
        if self._editing:
            self._library.rl_clear_visible_line()
            self._library.fflush(None)

    def _read_key(self, fd, events):
        self._library.rl_callback_read_char()
        while self._lines:
            self._on_line(self._lines.pop(0))

    def _take_line(self, pointer):
        """Take a line from readline, which gives it away, or NULL at the end of the input."""
        if pointer is None:
            self.stop()
            self._lines.append(None)
            return
        data = ctypes.string_at(pointer)
        self._library.free(ctypes.c_void_p(pointer))
        if data and data != self._last_line:
            self._library.add_history(data)
            self._last_line = data
        self._lines.append(data.decode(sys.stdin.encoding or "utf-8", "replace"))
