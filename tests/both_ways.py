"""The package twice in one process: with the extension, and without it."""
import asyncio
import contextlib
import importlib
import os
import sys

from tornado.ioloop import IOLoop

VARIABLE = "TORNADO_WS_EXTENSION"
PACKAGE = "tornado_ws"


@contextlib.contextmanager
def set_aside(environment):
    """Let the package be imported anew, with another environment."""
    def modules():
        return [name for name in sys.modules if name.partition(".")[0] == PACKAGE]

    saved = {name: sys.modules.pop(name) for name in modules()}
    before = os.environ.pop(VARIABLE, None)
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in modules():
            del sys.modules[name]
        sys.modules.update(saved)
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


class Way:
    """The package's modules, imported with the extension or without it."""

    def __init__(self, in_c):
        self.in_c = in_c
        with set_aside({} if in_c else {VARIABLE: "0"}):
            self.straight = importlib.import_module("tornado_ws._straight")
            self.core = importlib.import_module("tornado_ws._sansio.connection")
            self.protocol = importlib.import_module("tornado_ws._connection.protocol")
            self.transport = importlib.import_module("tornado_ws._stream.transport")
            self.contexts = importlib.import_module("tornado_ws._compat.contexts")
        assert self.straight.in_c is in_c


@contextlib.contextmanager
def current_loop():
    """Give an IOLoop that is the current one, and close it."""
    asyncio.set_event_loop(None)  # otherwise Tornado has asyncio make one, which nobody closes
    io_loop = IOLoop(make_current=True)
    try:
        yield io_loop
    finally:
        io_loop.close(all_fds=True)
        # Tornado >= 6.2 warns of the name without the underscore, which older ones need.
        getattr(IOLoop, "_clear_current", IOLoop.clear_current)()


PYTHON, C = Way(False), Way(True)
