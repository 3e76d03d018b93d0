"""The WebSocket endpoint that the Autobahn test suite examines: an echo server, an echo client.

``peer.py server`` listens on a free port of 127.0.0.1 and echoes every message.
``peer.py client URL`` runs every case that the fuzzing server at ``URL`` offers, echoing what it
is sent, and has the reports written at the end.

Both print one line of JSON first: the versions in use, and for the server its ``port``.
Runs on Python 2.7 and 3.6+ with every Tornado from 4.3 on, as ``run.py`` is asked to.
"""
from __future__ import absolute_import, division, print_function

import argparse
import json
import logging
import platform
import sys

import tornado
from tornado import gen
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application

#: The largest message of the suite (cases 9.1.6 and 9.2.6) has exactly this many bytes.
MAX_MESSAGE_SIZE = 16 * 1024 * 1024

#: In these groups the fuzzing server asks for ``client_no_context_takeover``. A server may only
#: do so when the client offered it (RFC 7692 section 7.1.1.2); in all others the client keeps
#: its context, so that both ways are examined.
NO_CONTEXT_TAKEOVER = ("13.2.", "13.5.", "13.6.", "13.7.")


def load(semantics):
    """Returns the module under test.

    Args:
        semantics: ``import`` for ``tornado_ws.websocket``, ``installed`` for what
            ``tornado.websocket`` is after ``tornado_ws.install()``, ``stock`` for Tornado's own.
    """
    if semantics == "import":
        from tornado_ws import websocket
        return websocket
    if semantics == "installed":
        import tornado_ws
        tornado_ws.install()
    from tornado import websocket
    return websocket


def announce(module, **more):
    """Prints the line that the runner reads: which code is examined, on what."""
    more.update(
        implementation=platform.python_implementation(),
        python=platform.python_version(),
        tornado=tornado.version,
        product=getattr(sys.modules.get("tornado_ws"), "__version__", None),
        module=module.WebSocketHandler.__module__,
    )
    print(json.dumps(more, sort_keys=True))
    sys.stdout.flush()


def echo(module, connection, message):
    """Sends ``message`` back as it came, unless the connection has closed meanwhile."""
    try:
        connection.write_message(message, binary=isinstance(message, bytes))
    except module.WebSocketClosedError:
        pass


def serve(module):
    """Runs the echo server until the process is ended."""

    class EchoHandler(module.WebSocketHandler):
        def get_compression_options(self):
            return {}

        def on_message(self, message):
            echo(module, self, message)

    loop = IOLoop()
    sock, port = bind_unused_port()
    application = Application([("/", EchoHandler)], websocket_max_message_size=MAX_MESSAGE_SIZE)
    server = HTTPServer(application)
    server.add_sockets([sock])
    announce(module, port=port)
    loop.start()


class Client(object):
    """Runs the cases of one fuzzing server.

    Args:
        module: The module under test.
        semantics: As for `load`.
        url: Where the fuzzing server listens, without a path.
        agent: Name under which it files its reports.
    """

    def __init__(self, module, semantics, url, agent):
        self.module = module
        self.url = url
        self.agent = agent
        self.limit = {"max_message_size": MAX_MESSAGE_SIZE}
        if semantics == "stock" and tornado.version_info < (4, 5):
            self.limit = {}  # that Tornado's client has no such limit to set

    @gen.coroutine
    def run(self):
        """Runs every case, then has the reports written."""
        announce(self.module)
        count = yield self.ask("/getCaseCount")
        for index in range(1, count + 1):
            info = yield self.ask("/getCaseInfo?case=%d" % index)
            try:
                yield self.run_case(index, info["id"])
            except Exception:  # the other cases are to be run all the same
                logging.exception("case %s ended in an exception", info["id"])
        yield self.ask("/updateReports?agent=%s" % self.agent)

    @gen.coroutine
    def ask(self, path):
        """Returns the last message that the fuzzing server sends on ``path``, decoded."""
        connection = yield self.module.websocket_connect(self.url + path)
        answer = None
        while True:
            message = yield connection.read_message()
            if message is None:
                raise gen.Return(answer)
            answer = json.loads(message)

    @gen.coroutine
    def run_case(self, index, case):
        """Echoes what the fuzzing server sends in one case, until it ends the connection."""
        options = {}
        if case.startswith(NO_CONTEXT_TAKEOVER):
            options["client_no_context_takeover"] = True
        path = "/runCase?case=%d&agent=%s" % (index, self.agent)
        connection = yield self.module.websocket_connect(
            self.url + path, compression_options=options, **self.limit)
        while True:
            message = yield connection.read_message()
            if message is None:
                return
            echo(self.module, connection, message)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("url", nargs="?", help="where the fuzzing server listens (client)")
    parser.add_argument("--semantics", choices=["import", "installed", "stock"], default="import")
    parser.add_argument("--stock", dest="semantics", action="store_const", const="stock",
                        help="examine Tornado's own module; the same as --semantics stock")
    parser.add_argument("--agent", default="peer", help="name in the fuzzing server's reports")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    module = load(args.semantics)
    if args.role == "server":
        serve(module)
    else:
        if not args.url:
            parser.error("the client needs the URL of the fuzzing server")
        IOLoop().run_sync(Client(module, args.semantics, args.url, args.agent).run)


if __name__ == "__main__":
    main()
