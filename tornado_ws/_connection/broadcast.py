"""One message to many connections: encoded, framed and compressed as seldom as can be.

Servers' connections that send it as it is share one frame. Compressed ones share a frame made in a
context of its own, in a window that suits each of them: RFC 7692 section 7.2.1 lets a sender refer
back as little as it likes. What a connection sends itself afterwards starts with a new context,
since its old one lacks what the peer has seen last. So a connection that has sent other messages
since the last broadcast would lose by sharing: it compresses this one by itself. Clients mask each
frame anew (RFC 6455 section 5.3), and share what is encoded.
"""
from __future__ import absolute_import, division, print_function

from tornado.iostream import StreamBufferFullError

from tornado_ws import _straight
from tornado_ws._compat import loop
from tornado_ws._compat.threads import current_thread
from tornado_ws._connection.additions import Additions, check_limits
from tornado_ws._connection.messages import encode_message
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._sansio.frames import FIN, RSV1, encode_frame


def broadcast(connections, message, binary=False, skip_above=None):
    """Send one message to many connections; wait for none of them.

    It is checked and encoded once, and framed and compressed once for all that can share it. An
    override of ``write_message`` has no part in it. May be called from any thread.

    Args:
        connections: `WebSocketHandler` or `WebSocketClientConnection` objects, of whatever loops.
        message, binary: As of `WebSocketHandler.write_message`.
        skip_above: Connections with more than so many bytes waiting (``buffered_amount``) are
            left out; None leaves out nobody.

    Returns:
        A list of those that did not get it: closed, closing, left out, or failing now, which stops
        nobody else. A connection of a loop that another thread runs gets it through that loop; it
        is listed only if it is closed at the call.

    Raises:
        TypeError: The message is of another type, or one of the connections; nothing is sent.
        UnicodeEncodeError: The text has lone surrogates; nothing is sent.
        ValueError: ``skip_above`` is no number from 0.
    """
    check_limits(skip_above=skip_above)
    shared = _Shared(*encode_message(message, binary))
    connections = list(connections)
    for connection in connections:
        if not isinstance(connection, Additions):
            raise TypeError("broadcast takes handlers and client connections, not %r"
                            % (connection,))
    there, missed = {}, []
    shared.send(_of_this_thread(connections, there, missed), skip_above, missed)
    for io_loop, members in there.items():
        if not loop.call_from_thread(io_loop, shared.send_there, members, skip_above):
            missed.extend(members)
    return missed


def _of_this_thread(connections, there, missed):
    """Sort connections while they are looked at; yield those to send to with their protocols.

    Args:
        connections: An iterable.
        there: A dict, to which those of other threads are added: a list for each loop.
        missed: A list, to which those are added that are closed.
    """
    thread = current_thread()
    for connection in connections:
        protocol = connection._ws_protocol
        if protocol is None or protocol.server_terminated or protocol.client_terminated:
            missed.append(connection)
        elif protocol.thread._thread_id != thread and protocol._callbacks.is_elsewhere():
            there.setdefault(protocol.io_loop, []).append(connection)
        else:
            yield connection, protocol


@_straight.before("write_frame")
def write_frame(protocol, frame, size):
    """Send a frame that was made for many connections.

    Args:
        protocol: One connection's `WebSocketProtocol13`.
        frame: bytes.
        size: Of the message in it, in bytes.

    Raises:
        As `Transport.write`.
    """
    protocol._transport.write_quietly(frame)
    core = protocol._core
    core.wire_bytes_out += len(frame)
    core.message_bytes_out += size
    core.messages_out += 1


class _Shared(object):
    """What the connections share of one message.

    Args:
        opcode: ``OP_TEXT`` or ``OP_BINARY``.
        payload: bytes.
    """

    def __init__(self, opcode, payload):
        self._opcode = opcode
        self._payload = payload
        self._plain = None

    def send(self, members, skip_above, missed):
        """Send it to connections of this thread's loop.

        Each is looked at and sent to before the next: thousands do not fit into a processor's
        cache, to be met there again.

        Args:
            members: Pairs of a connection and its protocol, an iterable.
            skip_above: As of `broadcast`.
            missed: A list, to which the connections are added that did not get it.
        """
        size, groups = len(self._payload), {}
        for member in members:
            connection, protocol = member
            core = protocol._core
            compressor = core._compressor
            if skip_above is not None and protocol._transport.buffered_amount() > skip_above:
                missed.append(connection)
            elif protocol.mask_outgoing:
                self._send_own(member, None, missed)
            elif compressor is None or size < core._min_size:
                if self._plain is None:
                    self._plain = encode_frame(FIN | self._opcode, self._payload)
                self._send_frame(self._plain, member, missed)
            elif compressor.is_behind(core.messages_out):
                self._send_own(member, compressor, missed)
            else:
                groups.setdefault(compressor.shape, []).append(member)
        for group in groups.values():
            self._send_compressed(group, missed)

    def send_there(self, connections, skip_above):
        """Send it to connections of the loop that runs this; nobody is told who did not get it."""
        self.send(_of_this_thread(connections, {}, []), skip_above, [])

    def _send_compressed(self, members, missed):
        compressors = [protocol._core._compressor for _, protocol in members]
        apart = compressors[0].apart(min(compressor.window_bits for compressor in compressors))
        payload = apart.compress(self._payload)
        frame = encode_frame(FIN | RSV1 | self._opcode, payload)
        for member, compressor in zip(members, compressors):
            self._send_frame(frame, member, missed)
            compressor.start_anew()

    def _send_frame(self, frame, member, missed):
        connection, protocol = member
        try:
            write_frame(protocol, frame, len(self._payload))
        except WebSocketClosedError as error:
            if isinstance(error, StreamBufferFullError):
                protocol._on_full(error)
            missed.append(connection)
        except Exception as error:  # StreamBufferFullError, MemoryError, ...
            protocol._abort(error)
            missed.append(connection)

    def _send_own(self, member, compressor, missed):
        connection, protocol = member
        try:
            protocol._send_message(self._opcode, self._payload)
        except (WebSocketClosedError, StreamBufferFullError):
            missed.append(connection)
        except Exception as error:
            protocol._abort(error)
            missed.append(connection)
        if compressor is not None:
            compressor.note_broadcast(protocol._core.messages_out)
