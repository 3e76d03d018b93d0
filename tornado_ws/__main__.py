"""The command line, ``python -m tornado_ws``: a demo server, a line client, a program runner."""
from __future__ import absolute_import, division, print_function

import argparse
import os
import runpy
import sys

import tornado_ws
from tornado_ws import _straight
from tornado_ws._cli import connect, serve
from tornado_ws._cli.common import EXIT_OK, EXIT_USAGE, fail, replace_closed_streams, why
from tornado_ws._compat import about

MAX_PORT = 65535

DESCRIPTION = "Try a WebSocket server, try a client, run a program on tornado_ws."
EPILOG = """\
python -m tornado_ws COMMAND --help tells about each.

exit status:
  0  done; connect: closed with 1000 or 1001
  1  cannot listen, connect or shake hands
  2  wrong arguments, a bad URL, a file or program that cannot be used
  3  connect: closed with another code; 4: closed without one
  130  connect: ended by Ctrl-C (143: by SIGTERM)
run passes the exit status of the program on.
"""
SERVE_EPILOG = """\
/echo sends every message back; /chat passes each text on to all clients; the
page at / talks to both. To a client that asks for the subprotocol demo, /echo
answers a text such as "/close 4001 why" by closing with that code and reason.
Ctrl-C and SIGTERM close every connection with 1001 and wait for the answers,
3 seconds at most; a second one does not wait. The exit status is then 0.
"""
CONNECT_EPILOG = """\
At a terminal lines are edited by readline (history: ~/.tornado_ws_history, or
$TORNADO_WS_HISTORY; if that is empty, none is kept), Ctrl-D closes, and a line
that begins with / is a command: /ping tells the latency, /close CODE REASON
closes, /help lists them. // sends a line that begins with one /.
exit status: 0 closed with 1000 or 1001, 3 with another code, 4 without one;
  1 not connected, 2 wrong arguments or input, 130 Ctrl-C (closes with 1001).
"""


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
        if not getattr(sys.flags, "safe_path", False):
            # It is another one if the command is the script ``tornado_ws``.
            sys.path[0] = (os.getcwd() if args.module
                           else os.path.dirname(os.path.realpath(command[0])))
        if args.module:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command[0], run_name="__main__")
    except (ImportError, EnvironmentError) as error:
        if not _raised_by_runpy():
            raise
        return fail("run", "cannot run %s: %s" % (command[0], why(error)), EXIT_USAGE)
    return EXIT_OK


def _raised_by_runpy():
    """Tell whether the exception being handled came from finding the program, not from it."""
    modules = set()
    traceback = sys.exc_info()[2].tb_next
    while traceback:
        modules.add(traceback.tb_frame.f_globals["__name__"])
        traceback = traceback.tb_next
    return modules <= {"runpy", "pkgutil"}


def port(text):
    """Convert the argument of ``--port``; argparse names this function when it complains."""
    if 0 <= int(text) <= MAX_PORT:
        return int(text)
    raise ValueError(text)


def _add_serve(commands):
    command = commands.add_parser(
        "serve", help="serve /echo, /chat and a page that talks to both", epilog=SERVE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--port", type=port, default=8888,
                         help="TCP port, 0 for any that is free (default: %(default)s)")
    command.add_argument("--address", default="127.0.0.1",
                         help="address or host name to listen on (default: %(default)s)")
    command.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"),
                         help="serve https: and wss: with these files, in PEM format")
    command.add_argument("--compress", action="store_true",
                         help="agree to permessage-deflate with those who offer it")
    command.set_defaults(call=serve.serve)


def _add_connect(commands):
    command = commands.add_parser(
        "connect", help="send typed lines, print what comes; Ctrl-D ends", epilog=CONNECT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m tornado_ws connect [-h] [OPTIONS] URL")
    command.add_argument("url", metavar="URL", help="ws://... or wss://...")
    command.add_argument("--header", action="append", default=[], metavar="LINE",
                         type=connect.header, help="send 'Name: value' too (repeatable)")
    command.add_argument("--subprotocol", action="append", metavar="NAME",
                         help="offer a subprotocol (repeatable, the preferred first)")
    command.add_argument("--compress", action="store_true", help="offer permessage-deflate")
    command.add_argument("--connect-timeout", type=connect.seconds, metavar="S",
                         help="give up if it is not open in S seconds (default: 20)")
    command.add_argument("--ca-file", metavar="FILE",
                         help="trust the authorities in this PEM file only")
    command.add_argument("--verbose", action="store_true",
                         help="tell address, headers, pings and log lines too")
    command.add_argument("--insecure", action="store_true",
                         help="trust any certificate of a wss: server")
    command.add_argument("--binary", action="store_true",
                         help="lines are hex; binary messages go out and are shown")
    command.set_defaults(call=connect.connect)


def _add_run(commands):
    command = commands.add_parser(
        "run", help="run a program with tornado_ws as its tornado.websocket",
        usage="python -m tornado_ws run [-h] SCRIPT|-m MODULE [ARGS...]")
    command.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE",
                         help="a module, found as python -m finds it, and its arguments")
    command.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT",
                         help="a Python file and its arguments")
    command.set_defaults(call=run, usage_error=command.error)


def _versions():
    """Return one line: this package and its extension, and what it runs on."""
    return "tornado_ws %s (%s its C extension), %s" % (
        tornado_ws.__version__, "with" if _straight.in_c else "without", about.versions())


def _parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tornado_ws", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=_versions(),
                        help="tell what is installed, with the C extension or without, and end")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    commands.required = True
    _add_serve(commands)
    _add_connect(commands)
    _add_run(commands)
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
    if args.command != "run":
        replace_closed_streams()
    return args.call(args)


if __name__ == "__main__":
    sys.exit(main())
