"""What can be wrong with the bytes of a peer."""
from __future__ import absolute_import, division, print_function


class ProtocolError(Exception):
    """A peer broke RFC 6455 or RFC 7692 on an open connection.

    The connection cannot go on: it is failed with a close frame (RFC 6455 section 7.1.7).

    Args:
        close_code: The status code for the close frame, an int as in RFC 6455 section 7.4.1.
        reason: What was wrong, a native ``str`` of at most 123 ASCII characters; it is sent
            to the peer.

    Attributes:
        peer_close: Code and reason of the peer's close frame if that is what is wrong: an int and
            unicode or None; else a pair of None.
    """

    peer_close = None, None

    def __init__(self, close_code, reason):
        super(ProtocolError, self).__init__(close_code, reason)
        self.close_code = close_code
        self.reason = reason

    def __str__(self):
        return "%d %s" % (self.close_code, self.reason)


class HandshakeError(ValueError):
    """An opening handshake that has to be refused (RFC 6455 sections 4.1 and 4.2).

    Args:
        message: What was wrong, a native ``str`` that quotes nothing from the peer.
        status: The HTTP status for a server's refusal, an int; a client has no use for it.
        header: What is wrong with which header, for the log, where the message does not say it.

    Attributes:
        detail: The message with that.
    """

    def __init__(self, message, status=400, header=None):
        super(HandshakeError, self).__init__(message)
        self.message = message
        self.status = status
        self.detail = message if header is None else "%s: %s" % (message, header)
