"""``python -m tornado_ws connect``: the line client."""
from __future__ import absolute_import, division, print_function

import binascii
import contextlib
import errno
import io
import itertools
import logging
import os
import re
import signal
import ssl
import sys
import threading

from tornado import concurrent, gen, httpclient, httputil, ioloop, iostream

from tornado_ws import websocket
from tornado_ws._cli.common import (EXIT_CLOSED_BADLY, EXIT_LOST, EXIT_OK, EXIT_SIGNALLED,
                                    EXIT_USAGE, STOP_SIGNALS, fail, say, signals, wake_for_signals,
                                    why)
from tornado_ws._cli.editor import make_editor

CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
RESIZED = getattr(signal, "SIGWINCH", None)  # Windows has none
TERMINAL_SIGNALS = tuple(filter(None, (RESIZED, getattr(signal, "SIGCONT", None))))
GOODBYE_SECONDS = 2
WAIT_SECONDS = 0.01
MANY_LINES = 1000
MAX_SHOWN = 4096
MAX_SECONDS = 365 * 24 * 3600

COMMANDS = u"""\
/ping                 send a ping and tell when its answer comes
/close [CODE [WHY]]   close the connection, with 1000 unless told otherwise
/help                 list the commands
//...                 send a line that begins with one /"""

LOG = "tornado"

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\Z")


def header(text):
    """Convert the argument of ``--header`` to a pair; argparse names this function."""
    match = _HEADER.match(text)
    if match is None:
        raise ValueError(text)
    return match.groups()


def seconds(text):
    """Convert the argument of ``--connect-timeout``; argparse names this function."""
    value = float(text)
    if 0 < value <= MAX_SECONDS:
        return value
    raise ValueError(text)


class OutputError(Exception):
    """A message cannot be written to stdout; ``args[0]`` is why."""


@contextlib.contextmanager
def _logging(verbose):
    """Have Tornado's log lines on stderr, or nowhere: an error is told once, by us."""
    handler = logging.StreamHandler() if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("* %(name)s: %(message)s"))
    logger = logging.getLogger(LOG)
    level = logger.level
    logger.addHandler(handler)
    if verbose:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def connect(args):
    """Send the lines of stdin to a server, print what it sends, and return the exit status."""
    try:
        if args.ca_file:
            ssl.create_default_context(cafile=args.ca_file)
    except EnvironmentError as error:  # an SSLError is one
        return fail("connect", "cannot use %s: %s" % (args.ca_file, why(error)), EXIT_USAGE)
    with _logging(args.verbose):
        return _connect(args)


def _connect(args):
    loop = ioloop.IOLoop(make_current=False)
    with signals(STOP_SIGNALS + TERMINAL_SIGNALS) as (signalled, waker), contextlib.closing(loop):
        try:
            wake_for_signals(loop, waker)
            return loop.run_sync(Client(args, signalled).run)
        except (httpclient.HTTPError, websocket.WebSocketError, EnvironmentError) as error:
            response = getattr(error, "response", None)
            if args.verbose and response is not None:
                _show_headers(response.headers)
            return fail("connect", "%s: %s" % (args.url, why(error)))
        except ValueError as error:
            return fail("connect", "cannot use %s: %s" % (args.url, why(error)), EXIT_USAGE)
        except OutputError as failure:
            return _fail_output(failure.args[0])


def _fail_output(error):
    # At exit Python writes out once more what is left.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return EXIT_SIGNALLED + signal.SIGPIPE  # as of other programs; nobody wants more
    return fail("connect", "cannot write the messages: %s" % why(error))


def _show_headers(headers):
    for name, value in headers.get_all():
        say(sys.stderr, u"< %s: %s" % (name, value))


def _telling(tell):
    class Connection(websocket.WebSocketClientConnection):
        def on_ping(self, data):
            tell(data)

    return Connection


def _hex(data):
    return binascii.hexlify(data).decode("ascii")


class Client(object):
    """One connection, from the command line's arguments to the exit status.

    Lines come from an `Editor`, on the IOLoop, or else from a thread that reads stdin, so what
    `take_line` calls is safe on any thread.

    Args:
        args: The parsed arguments.
        signalled: A socket on which the numbers of signals arrive, as bytes.
    """

    def __init__(self, args, signalled):
        self._args = args
        self._signals = signalled
        self._commands = sys.stdin.isatty()
        self._editor = make_editor()
        self._say = self._editor.say if self._editor else say
        self._connection = None
        self._stopped_by = None
        self._bad_input = self._over = False
        self._at_work = threading.Lock()
        self._pings = {}
        self._numbers = itertools.count(1)

    @gen.coroutine
    def run(self):
        """Connect, converse, and return the exit status."""
        self._loop = ioloop.IOLoop.current()
        self._interrupted = concurrent.Future()
        headers = httputil.HTTPHeaders()
        for name, value in self._args.header:
            headers.add(name, value)
        request = httpclient.HTTPRequest(
            self._args.url, headers=headers, validate_cert=not self._args.insecure,
            ca_certs=self._args.ca_file)
        connecting = websocket.websocket_connect(
            request, subprotocols=self._args.subprotocol,
            connect_timeout=self._args.connect_timeout, connection_class=_telling(self._on_ping),
            compression_options={} if self._args.compress else None)
        first = gen.WaitIterator(connecting, self._interrupted)
        self._watch_signals()
        outcome = yield first.next()
        if first.current_index:
            raise gen.Return(EXIT_SIGNALLED + self._stopped_by)
        self._connection = outcome
        if self._stopped_by is not None:
            self._say_goodbye()
        raise gen.Return((yield self._converse()))

    @gen.coroutine
    def _watch_signals(self):
        stream = iostream.IOStream(self._signals)
        while True:
            number = ord((yield stream.read_bytes(1)))
            if number in TERMINAL_SIGNALS:
                if self._editor:
                    self._editor.resize() if number == RESIZED else self._editor.resume()
            elif self._stopped_by is None:
                self._stopped_by = number
                if self._connection is None:
                    self._interrupted.set_result(None)
                else:
                    self._say_goodbye()
            elif self._connection is not None:
                self._connection.stream.close()

    def _say_goodbye(self):
        """Close because of a signal; a second one closes at once."""
        self._connection.close(CLOSE_GOING_AWAY)
        self._loop.call_later(GOODBYE_SECONDS, self._connection.stream.close)

    @gen.coroutine
    def _converse(self):
        connection = self._connection
        connection.on_pong = self._on_pong
        if self._args.verbose:
            self._tell_more()
        if self._commands:
            self._greet()
        if self._editor:
            self._editor.start(self._loop, self._take_typed_line)
        else:
            sender = threading.Thread(target=self.send_lines, name="stdin")
            sender.daemon = True  # It may wait for stdin for ever.
            sender.start()
        try:
            message = yield connection.read_message()
            while message is not None:
                self._show(message)
                message = yield connection.read_message()
        finally:
            self._over = True
            if self._editor:
                self._editor.stop()
        # The thread may be about to hear of its last line. When this process ends it must be
        # asleep: Python 2 takes the modules away from under it.
        deadline = self._loop.time() + GOODBYE_SECONDS
        while not self._at_work.acquire(False) and self._loop.time() < deadline:
            yield gen.sleep(WAIT_SECONDS)
        raise gen.Return(self._tell_the_end())

    def _greet(self):
        connection = self._connection
        agreed = [connection.headers.get("Sec-WebSocket-Extensions")]
        if connection.selected_subprotocol:
            agreed.insert(0, "subprotocol %s" % connection.selected_subprotocol)
        say(sys.stderr, "connected: %s" % "; ".join(
            [self._args.url] + [part for part in agreed if part] + ["Ctrl-D closes, /help helps"]))

    def _tell_more(self):
        """Tell what ``--verbose`` asks for: the peer, TLS, the headers of the answer."""
        sock = self._connection.stream.socket
        version = getattr(sock, "version", str)()
        told = [u"%s port %d" % sock.getpeername()[:2], version]
        say(sys.stderr, u"* " + u", ".join(filter(None, told)))
        _show_headers(self._connection.headers)

    def _tell_the_end(self):
        code, reason = self._connection.close_code, self._connection.close_reason
        end = u"no close code" if code is None else u"%d %s" % (code, reason or u"")
        say(sys.stderr, u"closed: " + end.rstrip())
        if self._stopped_by is not None:
            return EXIT_SIGNALLED + self._stopped_by
        if self._bad_input:
            return EXIT_USAGE
        if code is None:
            return EXIT_LOST
        return EXIT_OK if code in (CLOSE_NORMAL, CLOSE_GOING_AWAY) else EXIT_CLOSED_BADLY

    # What comes.

    def _show(self, message):
        if isinstance(message, bytes):
            text = (u"" if self._args.binary else u"binary: ") + _hex(message)
        else:
            text = (u"text: " if self._args.binary else u"") + message
        if self._editor:
            if len(text) > MAX_SHOWN:
                text = u"%s... (%d in all)" % (text[:MAX_SHOWN], len(message))
            text = u"< " + text.replace(u"\n", u"\n  ")
        try:
            self._say(sys.stdout, text)
        except EnvironmentError as error:
            raise OutputError(error)

    def _on_ping(self, data):
        if self._args.verbose:
            self._say(sys.stderr, u"* ping %s" % _hex(data))

    def _on_pong(self, data):
        sent = self._pings.pop(data, None)
        if sent is not None:
            self._say(sys.stderr, u"pong: %.1f ms" % (1000 * (self._loop.time() - sent)))
        elif data == b"":  # send_lines asked for it
            self._connection.close(CLOSE_NORMAL)

    # What goes.

    def send_lines(self):
        """Send each line of stdin once the one before has left, then close (runs in a thread).

        It has a file object of its own: at exit Python tears down ``sys.stdin``, which must not be
        locked by a reader then. A server may need more than the 5 seconds it has for its answer to
        a close to work off a long pipe; so a long pipe ends with a ping, and the pong closes.
        """
        encoding = sys.stdin.encoding or "utf-8"
        count = 0
        try:
            for line in io.open(sys.stdin.fileno(), "rb", closefd=False):
                if self._over:
                    return
                with self._at_work:
                    self._wait(self.take_line(line.decode(encoding, "replace").rstrip(u"\r\n")))
                if self._bad_input:
                    break
                count += 1
            if not self._over:
                with self._at_work:
                    if count < MANY_LINES:
                        self._connection.close(CLOSE_NORMAL)
                    else:
                        self._connection.ping()
        except (websocket.WebSocketClosedError, RuntimeError):
            pass  # The connection is closed, or already the IOLoop; the main thread tells.

    def _wait(self, outcome):
        try:
            if outcome is not None:
                outcome.result()
        except ValueError as error:
            self._complain(error)

    def _take_typed_line(self, line):
        """Take a line from the editor; None is the end."""
        try:
            if line is None:
                self._connection.close(CLOSE_NORMAL)
            else:
                self.take_line(line)
        except websocket.WebSocketClosedError:
            pass  # _converse tells.

    def take_line(self, line):
        """Send a line, or do what it says.

        Returns:
            What ``write_message``, ``ping`` or ``close`` returned, or None.
        """
        try:
            if self._commands and line.startswith(u"/"):
                if not line.startswith(u"//"):
                    return self._run_command(*line[1:].split(None, 2))
                line = line[1:]
            if self._args.binary:
                return self._send_hex(line)
            return self._connection.write_message(line)
        except ValueError as error:
            return self._complain(error)

    def _send_hex(self, line):
        try:
            data = binascii.unhexlify(u"".join(line.split()).encode("ascii"))
        except (TypeError, ValueError):  # Python 2, Python 3
            return self._complain(u"not hex: %s" % line)
        return self._connection.write_message(data, binary=True)

    def _run_command(self, name=u"", *words):
        if name == u"ping" and not words:
            data = (u"%d" % next(self._numbers)).encode("ascii")
            self._pings[data] = self._loop.time()
            return self._connection.ping(data)
        if name == u"close":
            code = int(words[0]) if words else CLOSE_NORMAL
            return self._connection.close(code, words[1] if words[1:] else None)
        if name == u"help":
            self._say(sys.stderr, COMMANDS)
        else:
            self._complain(u"no such command; /help lists them, //... sends a line with a /")
        return None

    def _complain(self, problem):
        """Tell of a line that cannot be sent; at a terminal the next may be better."""
        self._bad_input = not self._commands
        self._say(sys.stderr, u"%s" % problem)
