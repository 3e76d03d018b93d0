"""The test case of what handlers and client connections have alike.

::

    @both_roles(("name", argument))
    @async_test
    def test_something(self, side, argument):
        peer = yield self.open_side(side)          # a `wire.RawPeer`, the other end
        self.end.write_message("x")                # a handler or a client connection
        peer.send(self.frame(0x81, b"y"))          # masked where it has to be
"""
from __future__ import absolute_import, division, print_function

from peers import Noted, each, until
from raw_server import ClientCase
from tornado import gen
from tornado.httpclient import HTTPRequest
from wire import MASK, close_frame, frame

SIDES = ("server", "client")


def both_roles(*rows):
    """Return the rows of `peers.each` for either role."""
    return each(*[("_".join((side,) + row[:1]), side) + row[1:]
                  for side in SIDES for row in (rows or ((),))])


class BothRolesCase(ClientCase):
    """Opens a handler or a client connection, ``self.end``, with a raw peer at its other end.

    Attributes:
        end: The handler or connection.
        closed: What was noted at the end of the connection, once it is told.
    """

    @gen.coroutine
    def open_side(self, side, headers=(), **options):
        """Open a connection and return its other end, a `RawPeer`.

        ``options`` are the client's keywords, or attributes of the handler's class.
        """
        self.side, self.closed = side, []
        case = self
        if side == "client":
            def on_message(message):
                case.notes.append(("message", message))
                if message is None:
                    case.closed.append(case.end)

            url = HTTPRequest(self.server_url(), validate_cert=False)
            self.end, peer = yield self.open(
                url, headers=headers, on_message_callback=on_message, **options)
        else:
            class Plain(Noted, self.websocket.WebSocketHandler):
                def on_close(self):
                    super(Plain, self).on_close()
                    case.closed.append(self)

            for name, value in options.items():
                setattr(Plain, name, value)
            peer = yield self.open_raw(Plain, headers)
            self.end = self.handler
        raise gen.Return(peer)

    @property
    def protocol(self):
        """The protocol object of ``self.end``."""
        return self.end._ws_protocol

    def frame(self, first, payload=b""):
        """Build a frame that the peer sends."""
        return frame(first, payload, MASK if self.side == "server" else None)

    def close_frame(self, code=None, reason=b""):
        """Build a close frame that the peer sends."""
        return close_frame(code, reason, MASK if self.side == "server" else None)

    @gen.coroutine
    def wait_end(self):
        """Wait until the application has been told of the end."""
        yield until(lambda: self.closed)

    def end_lines(self):
        """Return what was logged about ends."""
        return [entry.message for entry in self.log.entries
                if entry.logger == "tornado.general" and entry.message.startswith("Connection ")]
