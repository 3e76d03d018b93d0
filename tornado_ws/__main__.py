"""The command line, ``python -m tornado_ws``: a demo server, a line client, a program runner.

Lines for people (errors, how a connection ended) go to stderr, data to stdout.
"""
from __future__ import absolute_import, division, print_function

import argparse
import contextlib
import io
import os
import runpy
import signal
import socket
import sys
import threading

from tornado import gen, httpclient, ioloop, netutil

import tornado_ws
from tornado_ws import _demo, websocket

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT

CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
MAX_PORT = 65535
MANY_LINES = 1000

DESCRIPTION = "Try a WebSocket server, try a client, run a program on tornado_ws."
EPILOG = """\
exit status:
  0    done; serve: ended by SIGINT or SIGTERM (each client gets a close 1001);
       connect: closed with 1000 or 1001
  1    cannot listen, connect or shake hands; closed with another code, or none
  2    usage: wrong arguments, a bad URL, no such program
  130  connect: interrupted
run passes the exit status of the program on.
"""


@contextlib.contextmanager
def _stop_signals():
    """Give a socket on which a byte arrives for every SIGINT and SIGTERM.

    A signal handler may interrupt the IOLoop anywhere, so it does no more than that.
    """
    reader, writer = socket.socketpair()
    handlers = [(number, signal.signal(number, lambda *_: writer.send(b"!")))
                for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield reader
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
        reader.close()
        writer.close()


def serve(args):
    """Run the demo server until SIGINT or SIGTERM and return the exit status."""
    host = "[%s]" % args.address if ":" in args.address else args.address
    try:
        listeners = netutil.bind_sockets(args.port, args.address)
    except (socket.error, UnicodeError) as error:
        return _fail("serve", "cannot listen on %s:%d: %s" % (host, args.port, _why(error)))
    with _stop_signals() as stop, contextlib.closing(ioloop.IOLoop(make_current=False)) as loop:
        _say(sys.stdout, "Serving on http://%s:%d/ (Ctrl-C stops)"
             % (host, listeners[0].getsockname()[1]))
        loop.run_sync(lambda: _demo.serve(listeners, stop))
    return EXIT_OK


def connect(args):
    """Send the lines of stdin to a server, print what it sends, and return the exit status."""
    with contextlib.closing(ioloop.IOLoop(make_current=False)) as loop:
        try:
            return loop.run_sync(lambda: _converse(args.url))
        except (httpclient.HTTPError, websocket.WebSocketError, EnvironmentError) as error:
            return _fail("connect", "%s: %s" % (args.url, _why(error)))
        except ValueError as error:
            return _fail("connect", "bad URL %s: %s" % (args.url, _why(error)), EXIT_USAGE)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


@gen.coroutine
def _converse(url):
    """Print the messages of one connection while a thread sends; return the exit status."""
    connection = yield websocket.websocket_connect(url, compression_options={})
    sender = threading.Thread(target=_send_lines, args=[connection], name="stdin")
    sender.daemon = True  # It may wait for stdin for ever.
    sender.start()
    message = yield connection.read_message()
    while message is not None:
        if isinstance(message, bytes):
            message = u"binary: " + u"".join(u"%02x" % byte for byte in bytearray(message))
        _say(sys.stdout, message)
        message = yield connection.read_message()
    if connection.close_code is None:
        end = u"no close code"
    else:
        end = u"%d %s" % (connection.close_code, connection.close_reason or u"")
    _say(sys.stderr, u"closed: " + end.rstrip())
    good = connection.close_code in (CLOSE_NORMAL, CLOSE_GOING_AWAY)
    raise gen.Return(EXIT_OK if good else EXIT_FAILED)


def _send_lines(connection):
    """Send each line of stdin once the one before has left, then close (runs in a thread).

    It has a file object of its own: at exit Python tears down ``sys.stdin``, which must not be
    locked by a reader then. A server may need more than the 5 seconds it has for its answer to a
    close to work off a long pipe; so a long pipe ends with a ping, and the pong closes.
    """
    encoding = sys.stdin.encoding or "utf-8"
    count = 0
    try:
        for line in io.open(sys.stdin.fileno(), "rb", closefd=False):
            text = line.decode(encoding, "replace").rstrip(u"\r\n")
            connection.write_message(text).result()
            count += 1
        if count < MANY_LINES:
            connection.close(CLOSE_NORMAL)
        else:
            connection.on_pong = lambda data: connection.close(CLOSE_NORMAL)
            connection.ping()
    except (websocket.WebSocketClosedError, RuntimeError):
        pass  # The connection is closed, or already the IOLoop; the main thread tells.


def run(args):
    """Install tornado_ws as ``tornado.websocket`` and run a program as ``__main__``.

    Its exit status is the process's: it leaves with ``SystemExit`` or an exception of its own.
    """
    command = (args.module or []) + args.script
    if not command:
        args.usage_error("a SCRIPT or -m MODULE is needed")
    tornado_ws.install()
    sys.argv = command
    try:
        if args.module:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
        else:
            if not getattr(sys.flags, "safe_path", False):
                sys.path[0] = os.path.dirname(os.path.realpath(command[0]))
            runpy.run_path(command[0], run_name="__main__")
    except (ImportError, EnvironmentError) as error:
        if not _raised_by_runpy():
            raise
        return _fail("run", "cannot run %s: %s" % (command[0], _why(error)), EXIT_USAGE)
    return EXIT_OK


def _raised_by_runpy():
    """Tell whether the exception being handled came from finding the program, not from it."""
    modules = set()
    traceback = sys.exc_info()[2].tb_next
    while traceback:
        modules.add(traceback.tb_frame.f_globals["__name__"])
        traceback = traceback.tb_next
    return modules <= {"runpy", "pkgutil"}


def _why(error):
    """Return the words for a network error, without its number where it has one."""
    error = getattr(error, "real_error", None) or error
    return getattr(error, "strerror", None) or str(error)


def _say(stream, text):
    """Print a line at once; what the stream's encoding lacks is escaped."""
    data = (text + u"\n").encode(stream.encoding or "utf-8", "backslashreplace")
    stream = getattr(stream, "buffer", stream)
    stream.write(data)
    stream.flush()


def _fail(command, text, status=EXIT_FAILED):
    """Print an error line for ``command`` and return ``status``."""
    _say(sys.stderr, "tornado_ws %s: %s" % (command, text))
    return status


def port(text):
    """Convert the argument of ``--port``; argparse names this function when it complains."""
    if 0 <= int(text) <= MAX_PORT:
        return int(text)
    raise ValueError(text)


def _parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tornado_ws", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    commands.required = True

    command = commands.add_parser("serve", help="serve /echo, /chat and a page that talks to both")
    command.add_argument("--port", type=port, default=8888,
                         help="TCP port, 0 for any that is free (default: %(default)s)")
    command.add_argument("--address", default="127.0.0.1",
                         help="address or host name to listen on (default: %(default)s)")
    command.set_defaults(call=serve)

    command = commands.add_parser("connect", help="send typed lines, print what comes; Ctrl-D ends")
    command.add_argument("url", metavar="URL", help="ws://... or wss://...")
    command.set_defaults(call=connect)

    command = commands.add_parser(
        "run", help="run a program with tornado_ws as its tornado.websocket",
        usage="python -m tornado_ws run [-h] SCRIPT|-m MODULE [ARGS...]")
    command.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE",
                         help="a module, found as python -m finds it, and its arguments")
    command.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT",
                         help="a Python file and its arguments")
    command.set_defaults(call=run, usage_error=command.error)
    return parser


def main(argv=None):
    """Run the command line.

    Args:
        argv: list of the arguments after the program's name; default: those of this process.

    Returns:
        int: The exit status.

    Raises:
        SystemExit: Wrong arguments (status 2) or ``--help`` (status 0).
    """
    args = _parser().parse_args(argv)
    return args.call(args)


if __name__ == "__main__":
    sys.exit(main())
