"""The permessage-deflate extension (RFC 7692): negotiation and the two codecs.

A *context* is one direction's zlib object. It is made when the first message needs it, and
lives on for the next message unless the direction was negotiated with "no context takeover";
then it is dropped when the message ends.

Window bits 8: zlib has no raw deflate with a window of 256 bytes. The compressor takes 512
instead, which is safe: zlib never looks back further than its window less 262 (the longest
match, the shortest one and one more, its MIN_LOOKAHEAD), here 250 bytes. ISA-L uses all of it:
with whatever engine, a window of 8 bits is zlib's own work.

Limits: the decompressor asks zlib, in small steps, for one byte more than is allowed at most:
refusing a bomb costs the limit and one step of memory.

Section 7.2.1 lets a sender end the deflate stream (BFINAL) anywhere and go on with another one,
which starts with an empty window, as zlib's does. That a stream has ended shows in
``unused_data`` alone (Python 2 has no ``eof``), once something follows it.
"""
from __future__ import absolute_import, division, print_function

import collections
import copy

from tornado_ws._sansio.compression import (BOOL_OPTIONS, CLIENT_NO_TAKEOVER, CLIENT_WINDOW_BITS,
                                            DEFAULT_LEVEL, DEFAULT_MEM_LEVEL, MAX_WINDOW_BITS,
                                            MIN_WINDOW_BITS, SERVER_NO_TAKEOVER, SERVER_WINDOW_BITS,
                                            check_options, own_bits)
from tornado_ws._sansio.engines import SMALLEST_WINDOW, STANDARD
from tornado_ws._sansio.errors import HandshakeError, ProtocolError
from tornado_ws._sansio.headers import PERMESSAGE_DEFLATE, build_extension

_OUT_OF_MEMORY = "Error -4 "  # how the text of zlib.error begins: Z_MEM_ERROR
_OUT_OF_ORDER = "Error -2 "   # Z_STREAM_ERROR
_TAIL = b"\x00\x00\xff\xff"
_MAX_TAKEN = 16 * 1024  # bytes, at once by zlib
_MAX_GIVEN = 64 * 1024
_MAX_FINAL_BLOCKS = 1024
_CLOSE_INVALID_DATA = 1007
_CLOSE_TOO_BIG = 1009

# "a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
_WINDOW_BITS = dict((str(bits), bits) for bits in range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1))

# What both sides agreed on: two bools, then two window sizes in bits, 8 to 15.
Parameters = collections.namedtuple("Parameters", (
    SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER, SERVER_WINDOW_BITS, CLIENT_WINDOW_BITS))


def _parse(params, is_offer):
    """Return the parameters as a dict: a flag's value is True, a window's None or 8 to 15.

    Raises:
        HandshakeError: "The negotiation [offer or response] contains an extension parameter not
            defined for use", "with an invalid value", or "multiple extension parameters with
            the same name" (section 7).
    """
    found = {}
    for name, value in params:
        if name in BOOL_OPTIONS:
            valid, meaning = value is None, True
        elif name == CLIENT_WINDOW_BITS and value is None:
            valid, meaning = is_offer, None
        elif name in (SERVER_WINDOW_BITS, CLIENT_WINDOW_BITS):
            valid, meaning = value in _WINDOW_BITS, _WINDOW_BITS.get(value)
        else:
            valid, meaning = False, None
        if name in found or not valid:
            raise HandshakeError("unknown, repeated or invalid permessage-deflate parameter")
        found[name] = meaning
    return found


def negotiate_offer(extensions, options):
    """Choose, for a server, the first permessage-deflate offer that is well-formed.

    A dash: not there; our options then mean 15. Every well-formed offer can be satisfied; a
    client that cannot be limited (last line) is not.

    ============================  ===========  ==============  ===========
    offered                       our options  answered        agreed
    ============================  ===========  ==============  ===========
    ``*_no_context_takeover``     any          yes             True
    -                             True / -     yes / -         True / False
    ``server_max_window_bits=N``  M            ``=min(N, M)``  min(N, M)
    -                             M / 15       ``=M`` / -      M / 15
    ``client_max_window_bits=N``  M            ``=min(N, M)``  min(N, M)
    ``client_max_window_bits``    M / 15       ``=M`` / -      M / 15
    -                             any          -               15
    ============================  ===========  ==============  ===========

    Args:
        extensions: All offers in order, as `headers.parse_extensions` returns them.
        options: The server's options, as `check_options` returns them.

    Returns:
        None, or a tuple of the `Parameters` and the value for ``Sec-WebSocket-Extensions``.
    """
    for name, params in extensions:
        if name == PERMESSAGE_DEFLATE:
            try:
                return _answer(_parse(params, is_offer=True), options)
            except HandshakeError:
                pass  # "A server MUST decline an extension negotiation offer" (section 7)
    return None


def _answer(offer, options):
    flags = [name in offer or options.get(name, False) for name in BOOL_OPTIONS]
    params = [(name, None) for name, flag in zip(BOOL_OPTIONS, flags) if flag]
    server_bits = min(offer.get(SERVER_WINDOW_BITS, MAX_WINDOW_BITS),
                      own_bits(options, SERVER_WINDOW_BITS))
    if SERVER_WINDOW_BITS in offer or server_bits < MAX_WINDOW_BITS:
        params.append((SERVER_WINDOW_BITS, str(server_bits)))
    client_bits = MAX_WINDOW_BITS
    if CLIENT_WINDOW_BITS in offer:
        hint = offer[CLIENT_WINDOW_BITS]
        client_bits = min(hint or client_bits, options.get(CLIENT_WINDOW_BITS, client_bits))
        if hint or client_bits < MAX_WINDOW_BITS:
            params.append((CLIENT_WINDOW_BITS, str(client_bits)))
    parameters = Parameters(flags[0], flags[1], server_bits, client_bits)
    return parameters, build_extension(PERMESSAGE_DEFLATE, sorted(params))


def build_offer(options):
    """Write a client's offer: what its options ask for, and always ``client_max_window_bits``.

    Args:
        options: The client's options, as `check_options` returns them.

    Returns:
        The value for ``Sec-WebSocket-Extensions``, a native ``str``.
    """
    params = [(name, None) for name in BOOL_OPTIONS if options.get(name)]
    if SERVER_WINDOW_BITS in options:
        params.append((SERVER_WINDOW_BITS, str(options[SERVER_WINDOW_BITS])))
    limited = CLIENT_WINDOW_BITS in options or "max_wbits" in options
    hint = str(own_bits(options, CLIENT_WINDOW_BITS)) if limited else None
    params.append((CLIENT_WINDOW_BITS, hint))
    return build_extension(PERMESSAGE_DEFLATE, params)


def accept_response(params, options):
    """Check, for a client, the server's answer to what `build_offer` offered.

    What the client asked of the server must be granted; what it announced of itself it does in
    any case. The other answers may come unasked (sections 7.1.1, 7.1.2). A dash: not there.

    ==============================  =============  =========================
    our options                     answered       agreed
    ==============================  =============  =========================
    ``server_no_context_takeover``  yes / -        True / refused
    -                               yes / -        True / False
    ``client_no_context_takeover``  yes / -        True
    -                               yes / -        True / False
    ``server_max_window_bits=N``    ``=M`` / -     M / 15, refused if over N
    -                               ``=M`` / -     M / 15
    ``client_max_window_bits=N``    ``=M`` / -     M / N, refused if over N
    -                               ``=M`` / -     M / 15
    ==============================  =============  =========================

    Args:
        params: The parameters of the answered extension, as `headers.parse_extensions` gives them.
        options: The client's options, as `check_options` returns them.

    Returns:
        The `Parameters`.

    Raises:
        HandshakeError: When the answer is malformed or is none to that offer.
    """
    answer = _parse(params, is_offer=False)
    if options.get(SERVER_NO_TAKEOVER) and SERVER_NO_TAKEOVER not in answer:
        raise HandshakeError("the server did not grant server_no_context_takeover")
    server_bits = answer.get(SERVER_WINDOW_BITS, MAX_WINDOW_BITS)
    if server_bits > options.get(SERVER_WINDOW_BITS, MAX_WINDOW_BITS):
        raise HandshakeError("server_max_window_bits is larger than the client asked for")
    allowed = own_bits(options, CLIENT_WINDOW_BITS)
    client_bits = answer.get(CLIENT_WINDOW_BITS, allowed)
    if client_bits > allowed:
        raise HandshakeError("client_max_window_bits is larger than the client offered")
    client_no_takeover = CLIENT_NO_TAKEOVER in answer or options.get(CLIENT_NO_TAKEOVER, False)
    return Parameters(SERVER_NO_TAKEOVER in answer, client_no_takeover, server_bits, client_bits)


def _check_window_bits(max_wbits):
    if max_wbits is None:
        return MAX_WINDOW_BITS
    if not MIN_WINDOW_BITS <= max_wbits <= MAX_WINDOW_BITS:
        raise ValueError("max_wbits must be 8 to 15, not %r" % (max_wbits,))
    return max_wbits


def _engine_for(engine, window_bits):
    return engine if window_bits >= SMALLEST_WINDOW else STANDARD


class PerMessageDeflateCompressor(object):
    """One direction's sender.

    Args:
        persistent: Whether the context is kept from message to message, a bool.
        max_wbits: The negotiated window, 8 to 15 bits; None for 15.
        compression_options: A dict as for `check_options`, or None; ``compression_level`` and
            ``mem_level`` matter here.
        engine: The `engines.Engine` that does the work.

    Raises:
        ValueError: When ``max_wbits`` or an option is out of range.
    """

    def __init__(self, persistent, max_wbits, compression_options=None, engine=STANDARD):
        options = check_options(compression_options or {})
        window_bits = _check_window_bits(max_wbits)
        self._engine = _engine_for(engine, window_bits)
        self._persistent = persistent
        self._zlib_args = self._engine.deflate_args(
            options.get("compression_level", DEFAULT_LEVEL), max(window_bits, SMALLEST_WINDOW),
            options.get("mem_level", DEFAULT_MEM_LEVEL))
        self._context = None

    def compress(self, data):
        """Compress one whole message.

        Args:
            data: The message, bytes.

        Returns:
            The payload: bytes without the trailing ``00 00 ff ff`` (section 7.2.1).
        """
        if not data:
            # An empty block without its tail (section 7.2.3.6): no context is needed for it.
            return b"\x00"
        # If this fails, the context has seen what the peer does not get: it is not used again.
        context, self._context = self._context or self._engine.compressobj(*self._zlib_args), None
        compressed = context.compress(data)
        compressed += context.flush(self._engine.sync_flush)[: -len(_TAIL)]
        if self._persistent:
            self._context = context
        return compressed

    # For messages to many connections: see `_connection.broadcast`.

    _own_messages = None  # how many had been sent after the last broadcast

    @property
    def shape(self):
        """What compressors have alike that can share a message: all but the window."""
        level, method, _, mem_level = self._zlib_args
        return self._engine.compressobj, level, method, mem_level

    @property
    def window_bits(self):
        """The window, in bits."""
        return -self._zlib_args[2]

    def apart(self, window_bits):
        """Make a compressor with the same options, a context of its own and a given window."""
        other = copy.copy(self)
        level, method, _, mem_level = self._zlib_args
        other._zlib_args = level, method, -window_bits, mem_level
        other._context = None
        other._persistent = False
        return other

    def is_behind(self, messages):
        """Tell whether the context has messages that no broadcast had.

        Args:
            messages: How many messages the connection has sent.
        """
        return self._context is not None and self._own_messages != messages

    def note_broadcast(self, messages):
        """Take notice that the last message was a broadcast; ``messages`` as of `is_behind`."""
        self._own_messages = messages

    def start_anew(self):
        """Begin the next message with a new context: the peer has been sent another one."""
        self._context = None


class PerMessageDeflateDecompressor(object):
    """One direction's receiver. After an error the object is not used again.

    Args:
        persistent: Whether the context is kept from message to message, a bool.
        max_wbits: The negotiated window, 8 to 15 bits; None for 15.
        max_message_size: The limit in bytes for `decompress`; None for none.
        compression_options: A dict as for `check_options`, or None; only checked.
        engine: The `engines.Engine` that does the work.

    Raises:
        ValueError: When ``max_wbits`` or an option is out of range.
    """

    def __init__(self, persistent, max_wbits, max_message_size=None, compression_options=None,
                 engine=STANDARD):
        check_options(compression_options or {})
        self._window_bits = _check_window_bits(max_wbits)
        self._engine = _engine_for(engine, self._window_bits)
        self._persistent = persistent
        self._max_message_size = max_message_size
        self._context = None
        self._final_blocks = 0

    def decompress(self, data):
        """Decompress one whole message: `feed` with the limit of the constructor."""
        return self.feed(data, True, self._max_message_size)

    def feed(self, data, final, max_length):
        """Decompress the next part of a message.

        Args:
            data: The part's payload, bytes.
            final: Whether the message ends with this part.
            max_length: How many bytes this part may come to, an int from 0; None for any number.

        Returns:
            The part's content, bytes.

        Raises:
            ProtocolError: 1007 for what is no deflate data or ends more than 1024 streams in one
                message; 1009 for more than ``max_length`` bytes.
        """
        return b"".join([piece for piece, _ in self.feed_pieces(data, final, max_length)])

    def feed_pieces(self, data, final, max_length):
        """Decompress as `feed` does, piece by piece: nothing is held twice.

        Yields:
            ``(piece, last)``: bytes, and whether they end the message. A final part has at least
            one piece, and what is allowed is given before an error.

        Raises:
            ProtocolError: As `feed`.
            MemoryError: zlib got none.
        """
        tail_length = 0
        if final:
            # "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload" (7.2.2)
            data = data + _TAIL
            tail_length = len(_TAIL)
        position, room, more = 0, max_length, bool(data)
        while more:
            piece, used, held = self._step(data[position:position + _MAX_TAKEN], room)
            position += used
            if room is not None:
                if len(piece) > room:
                    yield piece[:room], False
                    raise ProtocolError(_CLOSE_TOO_BIG, "message too big after decompression")
                room -= len(piece)
            # A stream that ended before or in the tail: none starts there.
            ended = self._context is None and len(data) - position <= tail_length
            more = (position < len(data) or held) and not ended
            if final and not more:
                self._end_message()
            yield piece, final and not more

    def _end_message(self):
        self._final_blocks = 0
        if not self._persistent:
            self._context = None

    def _step(self, data, room):
        """Decompress some bytes.

        Returns:
            A tuple of what they are, of how many bytes of ``data`` they took, and of whether there
            may be more without any: ISA-L keeps back what is over the limit, and no data for it.
        """
        context, engine = self._context, self._engine
        if context is None:
            context = self._context = engine.decompressobj(-self._window_bits)
        try:
            limit = _MAX_GIVEN if room is None else min(room + 1, _MAX_GIVEN)
            piece = context.decompress(data, limit)
        except engine.error as error:
            text = str(error) if engine.has_zlib_numbers else ""
            if text.startswith(_OUT_OF_MEMORY):
                raise MemoryError("zlib: " + text)
            if text.startswith(_OUT_OF_ORDER):
                raise  # no data do this
            raise ProtocolError(_CLOSE_INVALID_DATA, "undecodable deflate data")
        unused = len(context.unused_data)
        if unused:
            self._context = None
            self._final_blocks += 1
            if self._final_blocks > _MAX_FINAL_BLOCKS:
                raise ProtocolError(_CLOSE_INVALID_DATA, "too many final deflate blocks")
        # At a stream's end zlib may give the rest as both.
        used = len(data) - (unused or len(context.unconsumed_tail))
        return piece, used, len(piece) == limit


def create_codecs(role, parameters, options, max_message_size, engine=STANDARD):
    """Make the two codecs of one side.

    Args:
        role: "client" or "server": the side that will use them.
        parameters: The agreed `Parameters`.
        options: That side's options, as `check_options` returns them.
        max_message_size: The limit in bytes for a decompressed message; None for none.
        engine: The `engines.Engine` that does the work.

    Returns:
        A tuple of a `PerMessageDeflateCompressor` and a `PerMessageDeflateDecompressor`.
    """
    server = (not parameters.server_no_context_takeover, parameters.server_max_window_bits)
    client = (not parameters.client_no_context_takeover, parameters.client_max_window_bits)
    out, back = (client, server) if role == "client" else (server, client)
    return (PerMessageDeflateCompressor(out[0], out[1], options, engine),
            PerMessageDeflateDecompressor(back[0], back[1], max_message_size, options, engine))
