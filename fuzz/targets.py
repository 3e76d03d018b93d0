"""What is fuzzed: functions of some bytes that raise when the package does something wrong.

The first bytes of an input choose the options, the rest is what the peer sends. An input that
the package refuses as it should is as good as one that it takes.
"""
import re
import zlib

import reference

from tornado_ws._sansio import deflate, handshake, headers, utf8
from tornado_ws._sansio.connection import PROTOCOL_ERROR, Connection
from tornado_ws._sansio.errors import HandshakeError, ProtocolError
from tornado_ws._sansio.frames import FIN, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
LIMITS = (None, 0, 100, 1000, 70000)
OPTIONS = (
    None, {}, {"server_max_window_bits": 9}, {"client_max_window_bits": 8},
    {"server_no_context_takeover": True}, {"client_no_context_takeover": True, "max_wbits": 10},
    {"server_max_window_bits": 8, "client_max_window_bits": 12, "min_size": 5},
    {"compression_level": 1, "mem_level": 1})
SUBPROTOCOLS = ((), ("chat",), ("chat", "json/v1", "v1.chat.example"))
# The method in Python, where a step in C stands in front of it.
receive_in_python = getattr(Connection.receive_message, "__wrapped__", Connection.receive_message)
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check(condition, *what):
    """Raise for a condition that does not hold; ``python -O`` changes nothing here."""
    if not condition:
        raise AssertionError(*what)


# The open connection.


def connect(role, wbits, takeover, deflated, limit):
    """Make one end of a connection."""
    connection = Connection(role == "client", limit)
    if deflated:
        connection.enable_deflate(
            deflate.PerMessageDeflateCompressor(takeover, wbits),
            deflate.PerMessageDeflateDecompressor(takeover, wbits))
    return connection


def receive(connection, data, step, receive_message=Connection.receive_message):
    """Give a connection data in steps; return the events, errors as their close codes.

    What is one message is taken the short way: that of the extension, where there is one.
    """
    events = []
    for start in range(0, len(data), step):
        part = data[start:start + step]
        message = receive_message(connection, part)
        if message is not None:
            events.append((OP_BINARY if type(message) is bytes else OP_TEXT, message))
            continue
        events += connection.receive_data(part)
        while connection.backlog:
            events += connection.receive_data(b"")
    return [(opcode, payload.close_code if opcode == PROTOCOL_ERROR else payload)
            for opcode, payload in events]


def connection_server(data):
    """Fuzz what a client sends to a server."""
    _connection("server", data)


def connection_client(data):
    """Fuzz what a server sends to a client."""
    _connection("client", data)


def _connection(role, data):
    options, step, stream = data[:1] or b"\0", (data[1:2] or b"\0")[0], data[2:]
    deflated, takeover, limit = options[0] & 1, bool(options[0] & 2), LIMITS[(options[0] >> 2) % 5]
    wbits = 15  # a smaller window makes a difference to zlib, see `inflate`
    ends = [connect(role, wbits, takeover, deflated, limit) for _ in range(4)]
    events = receive(ends[0], stream, max(len(stream), 1))
    check(receive(ends[1], stream, step + 1) == events, "in steps of %d" % (step + 1))
    check(receive(ends[3], stream, step + 1, receive_in_python) == events, "in Python")
    if len(stream) < 300:
        check(receive(ends[2], stream, 1) == events, "byte by byte")
    inflater = reference.Inflater(wbits, takeover) if deflated else None
    expected, codes = reference.decode(stream, role == "server", inflater, limit)
    if codes:
        opcode, code = events.pop() if events else (None, None)
        check(opcode == PROTOCOL_ERROR and code in codes, code, codes)
    check(events == expected, events, expected)
    _send_back(role, (wbits, takeover, deflated, None), events)


def _send_back(role, options, events):
    """Send what was received on to the other role: it arrives."""
    other = "client" if role == "server" else "server"
    sender, receiver = connect(role, *options), connect(other, *options)
    stream = b""
    for opcode, payload in events:
        if opcode in (OP_TEXT, OP_BINARY):
            data = utf8.encode(payload) if opcode == OP_TEXT else payload
            stream += sender.send_message(opcode, data)
        elif opcode in (OP_PING, OP_PONG):
            stream += sender.send_frame(FIN | opcode, payload)
        else:
            check(opcode == OP_CLOSE, opcode)
            stream += sender.send_close(*payload)
    check(receive(receiver, stream, 1000) == events, "sent back")


# The opening handshake.


class Fields:
    """Header fields, as the handshake asks for them.

    Args:
        text: Lines of ``Name: value``.
    """

    def __init__(self, text):
        self.fields = {}
        for line in text.split("\n"):
            name, _, value = line.partition(":")
            self.fields.setdefault(name.strip().lower(), []).append(value)

    def get_list(self, name):
        return self.fields.get(name.lower(), [])

    def get(self, name, default=None):
        return ",".join(self.get_list(name)) if name.lower() in self.fields else default


def refused(function, *args):
    """Call a function; return its result, or None if it refuses the handshake."""
    try:
        return function(*args) or True
    except HandshakeError as error:
        check(isinstance(error.message, str) and error.status in (400, 426), error)
        return None


def handshake_server(data):
    """Fuzz a client's request: it is refused, or answered so that a client accepts it."""
    options = OPTIONS[(data[:1] or b"\0")[0] % len(OPTIONS)]
    request = Fields(data[1:].decode("latin-1"))
    origin = handshake.request_origin(request)
    if origin is not None:
        handshake.same_origin(origin, request.get("Host"))
    key = refused(handshake.check_key, request)
    offered = handshake.offered_subprotocols(request)
    extensions = refused(headers.parse_extensions, request.get("Sec-WebSocket-Extensions") or "")
    if not (refused(handshake.check_upgrade, request) and refused(handshake.check_version, request)
            and key and extensions):
        return
    extensions = [] if extensions is True else extensions
    agreed = deflate.negotiate_offer(extensions, options) if options is not None else None
    parameters, extension = agreed or (None, None)
    # With a control character no header can be made of it; the handler answers 500.
    subprotocol = offered[-1] if offered and not CONTROLS.search(offered[-1]) else None
    answer = handshake.encode_response(handshake.response_headers(key, subprotocol, extension))
    lines = answer.decode("latin-1").split("\r\n")
    check(lines[0] == "HTTP/1.1 101 Switching Protocols" and lines[-2:] == ["", ""], answer)
    check(len(lines) == 6 + (subprotocol is not None) + (extension is not None), answer)
    fields = Fields("\n".join(lines[1:-2]))
    chosen, params = handshake.check_response(fields, key, offered, True, fields.get_list)
    check(chosen == subprotocol, chosen, subprotocol)
    check((params is None) == (extension is None), params)
    if params is not None:
        _talk(parameters, deflate.accept_response(params, {}))


def handshake_client(data):
    """Fuzz a server's answer: it is refused, or is one to what was offered."""
    choice = (data[:1] or b"\0")[0]
    options = OPTIONS[choice % len(OPTIONS)]
    offered = SUBPROTOCOLS[choice // len(OPTIONS) % len(SUBPROTOCOLS)]
    response = Fields(data[1:].decode("latin-1"))
    found = refused(handshake.check_response, response, KEY, offered, options is not None,
                    response.get_list)
    if found is None:
        return
    subprotocol, params = found
    check(subprotocol is None or subprotocol in offered, subprotocol)
    check("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in response.get("Sec-WebSocket-Accept"))
    if params is None:
        return
    check(options is not None, params)
    parameters = refused(deflate.accept_response, params, options)
    if parameters is not None:
        _within(parameters, options)


def _within(parameters, options):
    """Check what was agreed on against what one side asked for."""
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        check(getattr(parameters, name) or not options.get(name), parameters)
    for name in ("server_max_window_bits", "client_max_window_bits"):
        check(8 <= getattr(parameters, name) <= options.get(name, 15), parameters)


def _talk(server_parameters, client_parameters):
    """Let both sides talk with the parameters that each believes in."""
    server = deflate.create_codecs("server", server_parameters, {}, None)
    client = deflate.create_codecs("client", client_parameters, {}, None)
    for message in (b"Hello", b"Hello", bytes(range(256)) * 3, b"Hello"):
        check(client[1].decompress(server[0].compress(message)) == message, server_parameters)
        check(server[1].decompress(client[0].compress(message)) == message, client_parameters)


def extensions(data):
    """Fuzz the lists in the headers: they are refused, or mean the same when written anew."""
    options = OPTIONS[(data[:1] or b"\0")[0] % len(OPTIONS)] or {}
    value = data[1:].decode("latin-1")
    elements = headers.split_list(value)
    check(headers.split_list(" , ".join(elements)) == elements, elements)
    found = refused(headers.parse_extensions, value)
    if found in (None, True):
        return
    rewritten = ", ".join(headers.build_extension(name, params) for name, params in found)
    check(headers.parse_extensions(rewritten) == found, found)
    agreed = deflate.negotiate_offer(found, options)
    if agreed is not None:
        parameters, answer = agreed
        [(name, params)] = headers.parse_extensions(answer)
        check(name == "permessage-deflate", name)
        bits, limited = parameters.client_max_window_bits, "client_max_window_bits"
        offers = [dict(params) for name, params in found if name == "permessage-deflate"]
        check(parameters.server_max_window_bits <= options.get("server_max_window_bits", 15))
        check(bits <= options.get(limited, 15) or any(limited not in offer for offer in offers))
        # What a server may answer unasked (RFC 7692 section 7.1), but not to limit the client.
        check(limited not in dict(params) or any(limited in offer for offer in offers), answer)
        _talk(parameters, deflate.accept_response(params, {}))


# What is inside messages.


def inflate(data):
    """Fuzz compressed messages, up to four of them, in parts.

    Data that refers further back than a small window are wrong, but zlib notices that only when
    what they refer to came in an earlier part. So such data may be refused or not.
    """
    options, step, rest = data[:1] or b"\0", (data[1:2] or b"\0")[0] + 1, data[2:]
    takeover, limit, wbits = options[0] & 1, LIMITS[options[0] // 2 % 5], 8 + (options[0] >> 5)
    size = max(len(rest) // (1 + (options[0] >> 4 & 1) * 3), 1)
    messages = [rest[start:start + size] for start in range(0, len(rest), size)] or [b""]
    whole = deflate.PerMessageDeflateDecompressor(takeover, wbits, limit)
    connection = connect("client", wbits, takeover, True, None)
    oracle = reference.Inflater(wbits, takeover)
    for message in messages:
        try:
            output = whole.decompress(message)
        except ProtocolError as error:
            output = error.close_code
        try:
            expected = oracle.inflate(message, True)
        except zlib.error:
            check(output in (1007, 1009), output)
            return
        if limit is not None and len(expected) > limit:
            check(output == 1009, output)
            return
        if wbits < 15 and output == 1007:
            return
        check(output == expected, output, expected)
        frames = b"".join(_frame(0x42 if start == 0 else 0, message[start:start + step])
                          for start in range(0, len(message) or 1, step)) + b"\x80\x00"
        events = receive(connection, frames, 4096)
        if wbits < 15 and events == [(PROTOCOL_ERROR, 1007)]:
            return
        check(events == [(OP_BINARY, expected)], "in parts")


def _frame(first, payload):
    """Build a server's frame of up to 64 KiB - 1."""
    size = len(payload)
    head = bytes([first, size]) if size < 126 else bytes([first, 126]) + size.to_bytes(2, "big")
    return head + payload


def text(data):
    """Fuzz text: our codec against Python 3's, in parts against the whole."""
    step, data = (data[:1] or b"\0")[0] % 8 + 1, data[1:]
    try:
        expected = data.decode("utf-8")
    except UnicodeDecodeError:
        expected = None
    try:
        check(utf8.decode(data) == expected, data)
        check(utf8.encode(expected) == data, data)
    except UnicodeDecodeError:
        check(expected is None, data)
    validator = utf8.Validator()
    try:
        for start in range(0, len(data), step):
            validator.feed(data[start:start + step])
        validator.finish()
    except UnicodeDecodeError:
        check(expected is None, data)
    else:
        check(expected is not None, data)


TARGETS = {function.__name__: function for function in (
    connection_server, connection_client, handshake_server, handshake_client, extensions, inflate,
    text)}
