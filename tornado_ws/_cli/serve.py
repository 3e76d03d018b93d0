"""``python -m tornado_ws serve``: the demo server."""
from __future__ import absolute_import, division, print_function

import contextlib
import socket
import ssl
import sys

from tornado import ioloop, netutil

from tornado_ws._cli import demo
from tornado_ws._cli.common import EXIT_OK, EXIT_USAGE, fail, say, signals, wake_for_signals, why


def serve(args):
    """Run the demo server until SIGINT or SIGTERM and return the exit status."""
    context = None
    if args.tls:
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*args.tls)
        except EnvironmentError as error:  # an SSLError is one
            names = " and ".join(args.tls)
            return fail("serve", "cannot use %s: %s" % (names, why(error)), EXIT_USAGE)
    host = "[%s]" % args.address if ":" in args.address else args.address
    try:
        listeners = netutil.bind_sockets(args.port, args.address)
    except (socket.error, UnicodeError) as error:
        return fail("serve", "cannot listen on %s:%d: %s" % (host, args.port, why(error)))
    application = demo.Application(compress=args.compress)
    with signals() as (stop, waker), contextlib.closing(ioloop.IOLoop(make_current=False)) as loop:
        say(sys.stdout, "Serving on %s://%s:%d/ (Ctrl-C stops)"
            % ("https" if context else "http", host, listeners[0].getsockname()[1]))
        wake_for_signals(loop, waker)
        loop.run_sync(lambda: demo.serve(application, listeners, stop, context, _announce))
    return EXIT_OK


def _announce(count):
    """Tell who waits at the terminal what for."""
    if count:
        say(sys.stderr, "closing %d connection%s (Ctrl-C again cuts off)"
            % (count, "" if count == 1 else "s"))
