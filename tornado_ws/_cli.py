"""What the commands of ``python -m tornado_ws`` share: exit statuses, output, signals.

Lines for people (errors, how a connection ended) go to stderr, data to stdout.
"""
from __future__ import absolute_import, division, print_function

import contextlib
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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_CONTROLS = re.compile(u"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@contextlib.contextmanager
def signals(numbers=STOP_SIGNALS):
    """Give a socket on which a byte, its number, arrives for every signal of those numbers.

    A signal handler may interrupt the IOLoop anywhere, so it does no more than that.
    """
    reader, writer = socket.socketpair()
    handlers = [
        (number, signal.signal(number, lambda number, _: writer.send(struct.pack("B", number))))
        for number in numbers]
    try:
        yield reader
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
        reader.close()
        writer.close()


def why(error):
    """Return the words for a network error, without its number where it has one."""
    error = getattr(error, "real_error", None) or error
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
