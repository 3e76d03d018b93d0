"""What the commands of ``python -m tornado_ws`` share: exit statuses, output, signals.

Lines for people (errors, how a connection ended) go to stderr, data to stdout.
"""
from __future__ import absolute_import, division, print_function

import contextlib
import os
import re
import signal
import socket
import struct
import sys

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CLOSED_BADLY = 3
EXIT_LOST = 4
EXIT_SIGNALLED = 128  # and the number of the signal

WAKE_BYTES = 4096
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

TIMED_OUT = 599  # the status that Tornado's HTTP client has for this
_SHOWN_OF_BODY = 200
# What OpenSSL calls an answer that is not TLS; its name depends on its version.
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")

_CONTROLS = re.compile(u"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@contextlib.contextmanager
def signals(numbers=STOP_SIGNALS):
    """Give two sockets; on the first a byte, its number, arrives for every signal of those numbers.

    A signal handler may interrupt the IOLoop anywhere, so it does no more than that. And it runs
    on the main thread only, which sleeps on if the system gave the signal to another one. So
    there is a second socket, on which a byte arrives at once; an IOLoop that may not be the only
    thread has to watch it, see `wake_for_signals`.
    """
    reader, writer = socket.socketpair()
    waker, wakeup = socket.socketpair()
    waker.setblocking(False)
    wakeup.setblocking(False)
    old_wakeup = signal.set_wakeup_fd(wakeup.fileno())
    handlers = [
        (number, signal.signal(number, lambda number, _: writer.send(struct.pack("B", number))))
        for number in numbers]
    try:
        yield reader, waker
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_wakeup)
        for end in (reader, writer, waker, wakeup):
            end.close()


def wake_for_signals(loop, waker):
    """Have a loop wake up for the second socket of `signals`; the handlers then run."""
    loop.add_handler(waker.fileno(), lambda fd, events: waker.recv(WAKE_BYTES), loop.READ)


def replace_closed_streams():
    """Put the null device where a standard stream was closed, as by ``<&-`` in a shell."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def why(error):
    """Return the words for an error: of the network without its number, of HTTP with its body.

    Of a body it is the first line, if it says more than the status and is not the source of a page.
    """
    error = getattr(error, "real_error", None) or error
    if getattr(error, "reason", None) in _NO_TLS:
        return "the server does not speak TLS, which wss: asks for"
    response = getattr(error, "response", None)
    if response is not None:
        line = (response.body or b"").decode("utf-8", "replace").strip().partition(u"\n")[0].strip()
        if line and not line.startswith(u"<") and line not in str(error):
            return u"%s: %s" % (error, line[:_SHOWN_OF_BODY])
    if getattr(error, "code", None) == TIMED_OUT:
        return error.message
    return getattr(error, "strerror", None) or str(error)


def say(stream, text):
    """Print a line at once.

    What the stream's encoding lacks is escaped, and on a terminal control characters too: what a
    peer sends may not move the cursor or worse.
    """
    if stream.isatty():
        text = _CONTROLS.sub(lambda match: u"\\x%02x" % ord(match.group()), text)
    data = (text + u"\n").encode(stream.encoding or "utf-8", "backslashreplace")
    stream = getattr(stream, "buffer", stream)
    stream.write(data)
    stream.flush()


def fail(command, text, status=EXIT_FAILED):
    """Print an error line for ``command`` and return ``status``."""
    say(sys.stderr, "tornado_ws %s: %s" % (command, text))
    return status
