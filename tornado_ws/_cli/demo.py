"""The application behind ``python -m tornado_ws serve``.

``/echo`` sends every message back, ``/chat`` passes what one client says on to all, and the
page at ``/`` (see `demo_page`) talks to both. It uses the public interface only and may serve as
an example.

No client can hurt another. ``serial_messages`` makes a handler take the next message only when
the answer to the one before has left, so a client that does not read is not read from either.
Chat lines have to go out to everybody at once: who falls too far behind is shut out.
"""
from __future__ import absolute_import, division, print_function

import itertools
import re

from tornado import gen, httpserver, iostream, web
from tornado.ioloop import IOLoop

from tornado_ws import websocket
from tornado_ws._cli import demo_page
from tornado_ws._cli.plain import PlainServer

CLOSE_GOING_AWAY = 1001
CLOSE_UNSUPPORTED_DATA = 1003
CLOSE_POLICY_VIOLATION = 1008

PING_SECONDS = 30
GOODBYE_SECONDS = 3
MAX_CHAT_BYTES = 4096
MAX_NAME_LENGTH = 32
MAX_UNSENT_BYTES = 1024 * 1024

SUBPROTOCOL = "demo"
CLOSE_COMMAND = re.compile(u"/close ([0-9]{4})(?: (.*))?\\Z", re.DOTALL)
HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]+\Z")


class Client(websocket.WebSocketHandler):
    """What both endpoints have alike."""

    serial_messages = True

    def get_compression_options(self):
        """Agree to permessage-deflate with whoever offers it, if the application is to."""
        return {} if self.application.compress else None

    @gen.coroutine
    def send(self, message, binary=False):
        """Send ``message`` if the client is still there; the Future resolves when it has left."""
        try:
            yield self.write_message(message, binary=binary)
        except websocket.WebSocketClosedError:
            pass  # on_close tells.


class Echo(Client):
    """Sends every message back as it came, text as text and binary as binary.

    With those who ask for the subprotocol ``demo`` there is one text that means something:
    ``/close CODE REASON`` closes the connection with that code and reason.
    """

    def select_subprotocol(self, subprotocols):
        """Agree to ``demo``."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def on_message(self, message):
        """Answer ``message`` with itself, or do what it says."""
        if self.selected_subprotocol and not isinstance(message, bytes):
            command = CLOSE_COMMAND.match(message)
            if command:
                try:
                    return self.close(int(command.group(1)), command.group(2))
                except ValueError:
                    pass  # not a code or reason that may be sent
        return self.send(message, binary=isinstance(message, bytes))


class Chat(Client):
    """Passes each text on to all chat clients, together with who joins and who leaves.

    A client sends plain text and receives JSON objects with a ``type`` and a ``name``: ``join`` and
    ``leave`` (with ``present``, the number of clients there now) and ``message`` (with ``text``).
    ``/chat?name=Ann`` names a client; without it the client is a numbered guest.
    """

    max_message_size = MAX_CHAT_BYTES
    max_buffered_amount = MAX_UNSENT_BYTES

    def prepare(self):
        """Name the client; an undecodable name is refused with 400 before the handshake."""
        name = self.get_query_argument("name", "")[:MAX_NAME_LENGTH]
        self.name = name or "guest %d" % next(self.application.guests)

    def open(self):
        """Tell all, the new client too, who has come."""
        self.tell_all(type="join", present=len(self.everybody()))

    @gen.coroutine
    def on_message(self, message):
        """Tell all what the client says; its own copy sets the pace, and others get their turn."""
        if isinstance(message, bytes):
            self.close(CLOSE_UNSUPPORTED_DATA, "text only")
        else:
            self.tell_all(type="message", text=message)
            try:
                yield self.wait_drained()
            except websocket.WebSocketClosedError:
                return
            yield gen.moment

    def on_close(self):
        """Tell those who stay who has left."""
        self.tell_all(type="leave", present=len(self.everybody()))

    def everybody(self):
        """Return the list of the chat's clients."""
        return [client for client in websocket.open_connections(self.application)
                if isinstance(client, Chat)]

    def tell_all(self, **event):
        """Send ``event`` under this client's name to all."""
        websocket.broadcast(self.everybody(), dict(event, name=self.name))


class Page(web.RequestHandler):
    """The page that talks to both endpoints."""

    def get(self):
        """Answer with the page, which may load nothing and connect only to where it is from."""
        host = self.request.host
        # Not every browser takes 'self' to mean ws: and wss: too.
        sources = "'self' ws://%s wss://%s" % (host, host) if HOST.match(host) else "'self'"
        self.set_header("Content-Security-Policy", demo_page.POLICY % sources)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.write(demo_page.PAGE)


class Application(web.Application):
    """The demo: three handlers.

    Args:
        compress: Whether to agree to permessage-deflate.
    """

    def __init__(self, compress=False):
        super(Application, self).__init__(
            [("/", Page), ("/echo", Echo), ("/chat", Chat)], websocket_ping_interval=PING_SECONDS)
        self.compress = compress
        self.guests = itertools.count(1)


@gen.coroutine
def serve(application, listeners, stop, ssl_options=None, announce=lambda count: None):
    """Serve the demo on listening sockets until a byte can be read from a socket.

    Args:
        application: An `Application`.
        listeners: a list of listening sockets, as ``tornado.netutil.bind_sockets`` returns it.
        stop: a connected socket; the first byte that arrives on it ends the service, the second
            one ends the wait for clients that are slow to say goodbye.
        ssl_options: an ``ssl.SSLContext`` for https: and wss:, or None.
        announce: called with the number of clients when the service ends.
    """
    if ssl_options is None:
        server = PlainServer(application)
    else:
        server = httpserver.HTTPServer(application, ssl_options=ssl_options)
    server.add_sockets(listeners)
    stop = iostream.IOStream(stop)
    yield stop.read_bytes(1)
    server.stop()
    announce(len(websocket.open_connections(application)))
    goodbye = websocket.close_all_connections(
        application, CLOSE_GOING_AWAY, "going away", GOODBYE_SECONDS)
    IOLoop.current().add_future(
        stop.read_bytes(1), lambda hurry: websocket.close_all_connections(application, timeout=0))
    yield goodbye
    yield server.close_all_connections()
