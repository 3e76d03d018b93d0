"""Where the contract wants something else than Tornado 4.3 did: all of it, with the clauses.

Each entry gives a channel of the trace whole, for 4.3's module and for ours. A channel that is not
in the table must be equal.
"""
from __future__ import absolute_import, division, print_function

import struct

APPLICATION, GENERAL, ACCESS = "tornado.application", "tornado.general", "tornado.access"
OPENED = "HTTP/1.1 101 Switching Protocols"
HTML = ("content-type", "text/html; charset=UTF-8")
SERVER = ("server", "TornadoServer/4.3")
ACCEPT = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
UPGRADE = [("connection", "Upgrade"), ACCEPT, ("upgrade", "websocket")]
UNCAUGHT = [(APPLICATION, "ERROR", "Uncaught exception", True),
            (APPLICATION, "ERROR", "Exception in callback CALLBACK", True)]
UNCAUGHT_IN_REQUEST = (APPLICATION, "ERROR", "Uncaught exception GET / (127.0.0.1)\nREQUEST",
                       True)
CLOSED = ["on_close", None, None]
CLOSED_NORMALLY = ["on_close", 1000, None]
OPEN = ["open"]

DIFFERENCES = {}
"""``{scenario: [(channel, clause, what 4.3's module gives, what ours gives), ...]}``"""


def differ(name, *entries):
    """Add entries for one scenario."""
    DIFFERENCES.setdefault(name, []).extend(entries)


def sent(first, payload=b"", masked=False, form="7-bit length"):
    """Describe a frame as the trace does."""
    return (first, "masked" if masked else "unmasked", form, payload)


def close(code, reason=b"", masked=False):
    """Describe a close frame as the trace does."""
    return sent("88", struct.pack("!H", code) + reason, masked)


def failed(code, reason):
    """Describe the log record of a connection that was failed."""
    return (GENERAL, "DEBUG", "Connection failed: %d %s" % (code, reason), False)


def raised(name):
    """Describe an exception as the trace does."""
    return ("exception", name)


def refusal(status, body, *headers):
    """Describe a refusal: the parts ``head`` and ``wire``."""
    shown = [("content-length", str(len(body))), HTML, SERVER] + list(headers)
    return [("HTTP/1.1 " + status, sorted(shown))], [("body", body)]


# The opening handshake, server.
differ("plain_headers", (
    "head", "C10", [sorted(name for name, _ in UPGRADE)],
    [sorted([name for name, _ in UPGRADE] + ["date", "server"])]))
differ("headers_and_cookies_set_in_prepare", (
    "head", "C10", [(OPENED, UPGRADE)],
    [(OPENED, sorted(UPGRADE + [("set-cookie", "sugar=brown; Path=/"), ("x-prepared", "yes")]))]))

_key = "Missing/Invalid WebSocket headers: Sec-WebSocket-Key is "
for _name, _status, _body, _headers, _stock_head, _stock_log in (
        ("missing_key", "400 Bad Request", b"Missing/Invalid WebSocket headers", (),
         ("nothing", b""), [(GENERAL, "DEBUG", "Malformed WebSocket request received", True)]),
        ("version_12", "426 Upgrade Required", b"WebSocket version not supported",
         (("sec-websocket-version", "13, 8, 7"),),
         ("HTTP/1.1 426 Upgrade Required", [("sec-websocket-version", "7, 8, 13")]), []),
        ("get_websocket_protocol_gives_none", "426 Upgrade Required",
         b"WebSocket version not supported", (("sec-websocket-version", "13, 8, 7"),),
         ("HTTP/1.1 426 Upgrade Required", [("sec-websocket-version", "7, 8, 13")]), []),
        ("missing_version", "426 Upgrade Required", b"WebSocket version not supported",
         (("sec-websocket-version", "13, 8, 7"),),
         ("HTTP/1.1 426 Upgrade Required", [("sec-websocket-version", "7, 8, 13")]), [])):
    _head, _wire = refusal(_status, _body, *_headers)
    differ(_name,
           ("head", "C7", [_stock_head], _head),
           ("wire", "C7", [("body", b"")], _wire),
           ("app", "C26", [CLOSED, ["handler closed", True]], [["handler closed", False]]),
           ("log", "C7", _stock_log,
            [(ACCESS, "WARNING", "%s GET / (127.0.0.1) TIME" % _status[:3], False),
             (GENERAL, "DEBUG", _key + "missing" if _name == "missing_key" else
              _body.decode("ascii"), False)]))

_head, _wire = refusal("400 Bad Request", b"Missing/Invalid WebSocket headers")
differ("malformed_key",
       ("head", "C7",
        [(OPENED, [("connection", "Upgrade"),
                   ("sec-websocket-accept", "zwKd5BnoWxQ6GxTxxSmBSHGHX9M="),
                   ("upgrade", "websocket")])],
        _head),
       ("wire", "C7", [("body", b"")], _wire),
       ("app", "C7", [OPEN], []),
       ("log", "C7", [], [(ACCESS, "WARNING", "400 GET / (127.0.0.1) TIME", False),
                          (GENERAL, "DEBUG", _key + "not base64 of 16 bytes", False)]))

_head, _wire = refusal("403 Forbidden", b"Cross origin websockets not allowed")
differ("origin_upper_case_host",
       ("head", "C8", _head, [(OPENED, sorted(UPGRADE + [SERVER]))]),
       ("wire", "C8", _wire, [("body", b"")]),
       ("app", "C8", [], [OPEN]),
       ("log", "C8", [(ACCESS, "WARNING", "403 GET / (127.0.0.1) TIME", False),
                      (GENERAL, "DEBUG", "Cross origin websockets not allowed", False)], []))

_head, _wire = refusal(
    "500 Internal Server Error", b"<html><title>500: Internal Server Error</title>"
    b"<body>500: Internal Server Error</body></html>")
differ("subprotocol_invented",
       ("head", "C9", [("nothing", b"")], _head),
       ("wire", "C9", [("body", b"")], _wire),
       ("app", "C26", [CLOSED, ["handler closed", True]], [["handler closed", False]]),
       ("log", "C9", [UNCAUGHT_IN_REQUEST],
        [UNCAUGHT_IN_REQUEST, (ACCESS, "ERROR", "500 GET / (127.0.0.1) TIME", False)]))
differ("subprotocol_not_offered", (
    "app", "C9", [["select_subprotocol", [("text" if str is not bytes else "bytes", b"")]],
                  OPEN, CLOSED_NORMALLY],
    [["select_subprotocol", []], OPEN, CLOSED_NORMALLY]))

# Messages out.
_END = [sent("81", b"end"), close(1000), "end"]
_ARRAY = [sent("82", b"array")]


def _wrote(outcome):
    return [OPEN, ["write_message", outcome], CLOSED_NORMALLY]


differ("write_bytearray_as_binary", ("wire", "C13", _END, _ARRAY + _END),
       ("app", "C13", _wrote(raised("TypeError")), _wrote(("object", "Future"))))
differ("write_none", (
    "app", "C13", _wrote(raised("AssertionError")), _wrote(raised("TypeError"))))
differ("write_on_a_stream_that_is_closed", (
    "app", "C14",
    [OPEN, ["on_message", ("text", b"now")], ["write_message", None], CLOSED],
    [OPEN, ["on_message", ("text", b"now")], ["write_message", raised("WebSocketClosedError")],
     CLOSED]))
differ("ping_with_text",
       ("wire", "section 2", _END, [sent("89", b"text")] + _END),
       ("app", "section 2", [OPEN, ["ping", raised("AssertionError")], CLOSED_NORMALLY],
        [OPEN, ["ping", None], CLOSED_NORMALLY]))
differ("ping_too_long",
       ("wire", "C23", [sent("89", b"p" * 126, form="16-bit length")] + _END, _END),
       ("app", "C23", [OPEN, ["ping", None], CLOSED_NORMALLY],
        [OPEN, ["ping", raised("ValueError")], CLOSED_NORMALLY]))

# Closing, and exceptions in callbacks.
for _name, _stock_frame in (
        ("server_closes_with_invalid_code", close(999)),
        ("server_closes_with_too_long_reason",
         sent("88", b"\x03\xe8" + b"r" * 124, form="16-bit length"))):
    differ(_name,
           ("wire", "C24", [_stock_frame, "end"], [close(1000), "end"]),
           ("app", "C24", [OPEN, ["close", None], CLOSED_NORMALLY],
            [OPEN, ["close", raised("ValueError")], CLOSED_NORMALLY]))
for _name in ("exception_in_open", "exception_in_on_message", "exception_in_on_pong",
              "on_message_not_overridden"):
    differ(_name, ("wire", "C29", ["end"], [close(1011), "end"]))
_FINE = [sent("81", b"fine"), close(1000), "end"]
differ("exception_ends_one_connection_only", (
    "wire", "C29", ["end"] + _FINE, [close(1011), "end"] + _FINE))

differ("exception_in_on_message_coroutine",
       ("wire", "C29", [sent("81", b"then"), close(1000), "end"], [close(1011), "end"]),
       ("app", "C19",
        [OPEN, ["on_message", ("text", b"fail")], ["on_message", ("text", b"then")],
         CLOSED_NORMALLY],
        [OPEN, ["on_message", ("text", b"fail")], CLOSED]),
       ("log", "C19", [(APPLICATION, "ERROR", "Future exception was never retrieved", False)],
        [(APPLICATION, "ERROR", "Uncaught exception in /", True)]))
_SENDING = [OPEN, ["on_message", ("text", b"send")], ["written at once", False]]
differ("large_write_then_close", (
    "app", "C14", _SENDING + [CLOSED_NORMALLY], _SENDING + [["written", None], CLOSED_NORMALLY]))

# What the peer does wrong, to the server.
for _name, _code, _reason in (
        ("rsv1_without_extension", 1002, b"reserved bit set"),
        ("rsv2", 1002, b"reserved bit set"),
        ("rsv3", 1002, b"reserved bit set"),
        ("reserved_data_opcode", 1002, b"reserved opcode"),
        ("reserved_control_opcode", 1002, b"reserved opcode"),
        ("fragmented_control", 1002, b"fragmented control frame"),
        ("long_control", 1002, b"control frame is too long"),
        ("continuation_without_start", 1002, b"continuation without a message"),
        ("message_inside_message", 1002, b"new message inside a message"),
        ("bad_utf8", 1007, b"invalid UTF-8 in text"),
        ("bad_utf8_in_fragments", 1007, b"invalid UTF-8 in text")):
    differ("violation_" + _name,
           ("wire", "C29", ["end"], [close(_code, _reason), "end"]),
           ("log", "C29", [], [failed(_code, _reason.decode("ascii"))]))
differ("violation_undecodable_deflate",
       ("wire", "C29", ["end"], [close(1007, b"undecodable deflate data"), "end"]),
       ("log", "C29", [UNCAUGHT_IN_REQUEST], [failed(1007, "undecodable deflate data")]))
differ("violation_bad_utf8_in_reason",
       ("wire", "C29", ["end"], [close(1007, b"invalid UTF-8 in close reason"), "end"]),
       ("log", "C29", [UNCAUGHT_IN_REQUEST], [failed(1007, "invalid UTF-8 in close reason")]))
differ("violation_one_byte_close",
       ("wire", "C29", [sent("88"), "end"], [close(1002, b"close frame with one byte"), "end"]),
       ("log", "C29", [], [failed(1002, "close frame with one byte")]))
differ("violation_invalid_close_code",
       ("wire", "C29", [close(1005), "end"], [close(1002, b"invalid close code 1005"), "end"]),
       ("log", "C29", [], [failed(1002, "invalid close code 1005")]))
for _name, _answer, _message, _reason in (
        ("unmasked_frame_to_the_server", sent("81", b"bare"),
         [["on_message", ("text", b"bare")]], b"frame is not masked"),
        ("non_minimal_length", sent("81", b"x"),
         [["on_message", ("text", b"x")]], b"length is not minimal or too large"),
        ("rsv1_on_a_ping", sent("8a", b"data"), [], b"reserved bit set")):
    differ(_name,
           ("wire", "C29", [_answer, close(1000), "end"], [close(1002, _reason), "end"]),
           ("app", "C29", [OPEN] + _message + [CLOSED_NORMALLY], [OPEN, CLOSED]),
           ("log", "C29", [], [failed(1002, _reason.decode("ascii"))]))

# The client.
_REQUEST = ("GET / HTTP/1.1", [
    ("accept-encoding", "gzip"), ("connection", "Upgrade"), ("host", "127.0.0.1:"),
    ("sec-websocket-key", "16 random bytes"), ("sec-websocket-version", "13"),
    ("upgrade", "websocket")])
_READ_NONE = ["read", None]
differ("client_answered_redirect",
       ("app", "C39", [["resolved", False]],
        [["resolved", True], ["connect", raised("HTTPError"), 302]]),
       ("log", "C39", UNCAUGHT, []))
for _name, _clause in (("accept_value", "C39"), ("no_accept_value", "C39"), ("no_upgrade", "C39"),
                       ("wrong_connection", "C39"), ("unoffered_extension", "C32")):
    differ("client_bad_answer_" + _name,
           ("app", _clause, [["connect", raised("StreamClosedError")]],
            [["connect", raised("WebSocketError")]]),
           ("log", _clause, UNCAUGHT, []))
differ("client_bad_scheme", (
    "app", "C38", [["connect", raised("KeyError")]], [["connect", raised("ValueError")]]))
differ("client_keeps_the_request_object", (
    "app", "C38", [["headers", False, True], _READ_NONE], [["headers", True, True], _READ_NONE]))
differ("client_dropped_in_the_handshake", (
    "app", "C39", [["connect", raised("HTTPError"), 599]],
    [["connect", raised("StreamClosedError"), None]]))
differ("client_times_out", (
    "app", "C39",
    [["seconds later", 9], ["seconds later", 2], ["connect", raised("HTTPError")],
     ["seconds later", 10]],
    [["seconds later", 9], ["connect", raised("HTTPError")], ["seconds later", 2],
     ["seconds later", 10]]))
differ("client_on_a_loop_that_is_not_current",
       ("head", "C40", [], [_REQUEST]),
       ("wire", "C40", [], [sent("81", b"hello", True), close(1000, masked=True)]),
       ("app", "C40", [["current loop", False], ["request came", False]],
        [["current loop", False], ["request came", True], ["current loop", True, True],
         _READ_NONE]),
       ("log", "C14", [(APPLICATION, "ERROR", "Future exception was never retrieved", False)],
        []))
differ("client_reads_after_the_end", (
    "app", "C41", [_READ_NONE, ["again", False, False]], [_READ_NONE, ["again", None, True]]))
differ("client_reads_twice_at_once", (
    "app", "C41",
    [["second read", raised("AssertionError")], ["read", ("text", b"one")], _READ_NONE],
    [["second read", ("object", "Future")], ["read", ("text", b"one")], _READ_NONE]))
differ("client_request_and_connect_timeout", (
    "app", "C39", [["connect", raised("AssertionError")]], [["connect", ("object", "Future")]]))
differ("client_writes_after_own_close", (
    "app", "C43", [["write_message", raised("AttributeError")], _READ_NONE],
    [["write_message", raised("WebSocketClosedError")], _READ_NONE]))
differ("client_writes_after_the_peers_close", (
    "app", "C43", [_READ_NONE, ["write_message", None]],
    [_READ_NONE, ["write_message", raised("WebSocketClosedError")]]))
differ("client_writes_dict",
       ("wire", "C13", [close(1000, masked=True)],
        [sent("81", b'{"a": 1}', True), close(1000, masked=True)]),
       ("app", "C13", [["write_message", raised("TypeError")], _READ_NONE],
        [["write_message", ("object", "Future")], _READ_NONE]))
differ("client_exception_in_on_message_callback",
       ("wire", "C29", ["end"], [close(1011, masked=True), "end"]),
       ("log", "C19",
        [(APPLICATION, "ERROR", "Uncaught exception, closing connection.", True),
         (APPLICATION, "ERROR", "Exception in callback CALLBACK", True)],
        [(APPLICATION, "ERROR", "Uncaught exception in /", True)]))
for _name, _code, _reason in (("reserved_bit", 1002, b"reserved bit set"),
                              ("bad_utf8", 1007, b"invalid UTF-8 in text"),
                              ("reserved_opcode", 1002, b"reserved opcode")):
    differ("client_violation_" + _name,
           ("wire", "C29", ["end"], [close(_code, _reason, True), "end"]),
           ("log", "C29", [], [failed(_code, _reason.decode("ascii"))]))
differ("client_masked_frame",
       ("wire", "C29", [close(1000, masked=True)], [close(1002, b"frame is masked", True)]),
       ("app", "C29", [["read", ("text", b"masked")]], [_READ_NONE]),
       ("log", "C29", [], [failed(1002, "frame is masked")]))
