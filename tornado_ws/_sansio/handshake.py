"""The opening handshake of RFC 6455 section 4, both sides.

Nothing here reads or writes: ``headers`` is any object whose ``get(name, default=None)`` ignores
case and joins repeated fields with commas. Header values are native ``str`` and can hold
anything; no message quotes what a client sent.
"""
from __future__ import absolute_import, division, print_function

import base64
import hashlib
import re

from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._sansio.headers import PERMESSAGE_DEFLATE, TOKEN_CHARS, parse_extensions, split_list

SERVER_VERSIONS = ("13", "8", "7")
CLIENT_VERSION = "13"
STATUS_UPGRADE_REQUIRED = 426

_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_KEY_LENGTH = 16
# Base64 of 16 bytes: 22 characters and "==".
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==\Z")
_ANYTHING = re.compile(r".")

# RFC 3986 section 3.2 without user-info; and without the comma, which joins repeated fields.
_AUTHORITY = r"(?:\[[0-9A-Za-z:._~%-]+\]|[0-9A-Za-z._~!$&'()*+;=%-]+)(?::[0-9]*)?"
_HOST = re.compile(_AUTHORITY + r"\Z")
_ORIGIN = re.compile(r"[A-Za-z][0-9A-Za-z+.-]*://(%s)(?:[/?#][!-~]*)?\Z" % _AUTHORITY)

# What the other side reads as one element of a comma list (RFC 7230 section 7).
_OFFER = re.compile(r"[!-+\--~](?:[ -+\--~]*[!-+\--~])?\Z")

_FIELD_NAME = re.compile(TOKEN_CHARS.encode("ascii") + br"\Z")
_CONTROLS = re.compile(b"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTED_LENGTH = 40


def accept_value(key):
    """Compute the ``Sec-WebSocket-Accept`` that proves that ``Sec-WebSocket-Key`` was read.

    Args:
        key: The key, bytes or ``str``.

    Returns:
        A native ``str`` of 28 characters (RFC 6455 section 4.2.2).
    """
    if not isinstance(key, bytes):
        key = key.encode("utf-8")
    return _base64(hashlib.sha1(key + _ACCEPT_GUID).digest())


def _base64(data):
    return str(base64.b64encode(data).decode("ascii"))


def _has_token(value, wanted):
    return any(element.strip(" \t").lower() == wanted for element in (value or "").split(","))


def check_upgrade(headers, version="HTTP/1.1"):
    """Check that a request asks for the WebSocket protocol (RFC 6455 section 4.2.1, 1, 3 and 4).

    Args:
        headers: The request's headers.
        version: The request's HTTP version.

    Raises:
        HandshakeError: 400 without "an |Upgrade| header field containing the value
            'websocket'" or "a |Connection| header field that includes the token 'Upgrade'",
            both in any case, and for a request that is not "HTTP/1.1 or higher".
    """
    if not _has_token(headers.get("Upgrade"), "websocket"):
        raise HandshakeError('Can "Upgrade" only to "WebSocket".')
    if not _has_token(headers.get("Connection"), "upgrade"):
        raise HandshakeError('"Connection" must be "Upgrade".')
    check_http_version(version)


def check_http_version(version):
    """Check that a request, or the answer to it, is "HTTP/1.1 or higher" (RFC 6455 section 4.2.1).

    RFC 7230 section 6.7 knows no upgrade in HTTP/1.0: "A server MUST ignore an Upgrade header
    field that is received in an HTTP/1.0 request."

    Args:
        version: The HTTP version of its first line, a native ``str``.

    Raises:
        HandshakeError: 400 for an older one.
    """
    if version in ("HTTP/0.9", "HTTP/1.0"):
        raise HandshakeError("WebSocket needs HTTP/1.1.")


def check_version(headers, versions=SERVER_VERSIONS):
    """Check that the server speaks the version that a request asks for.

    Args:
        headers: The request's headers.
        versions: The versions, a sequence of native ``str``.

    Raises:
        HandshakeError: 426 for a missing or any other version (RFC 6455 section 4.4).
    """
    if (headers.get("Sec-WebSocket-Version") or "").strip(" \t") not in versions:
        raise HandshakeError("Unsupported WebSocket version", STATUS_UPGRADE_REQUIRED)


def check_key(headers, any_key=False):
    """Check ``Host`` and ``Sec-WebSocket-Key`` of a request (RFC 6455 section 4.2.1, 2 and 5).

    Args:
        headers: The request's headers.
        any_key: Whether any key will do that is not empty, as in every Tornado.

    Returns:
        The key, a native ``str``, by default of 24 characters.

    Raises:
        HandshakeError: 400 when one of them is missing or malformed: the key is "a base64-encoded
            value that, when decoded, is 16 bytes in length".
    """
    _check_header(headers, "Host", _HOST, "no host and port")
    return _check_header(headers, "Sec-WebSocket-Key", _ANYTHING if any_key else _KEY,
                         "not base64 of 16 bytes")


def _check_header(headers, name, pattern, wrong):
    value = (headers.get(name) or "").strip(" \t")
    if not pattern.match(value):
        raise HandshakeError("Missing/Invalid WebSocket headers",
                             header="%s is %s" % (name, wrong if value else "missing"))
    return value


def request_origin(headers):
    """Return the origin of a request.

    Args:
        headers: The request's headers.

    Returns:
        ``Origin``, else ``Sec-WebSocket-Origin`` (its name in versions 7 and 8), else None.
    """
    origin = headers.get("Origin")
    return headers.get("Sec-WebSocket-Origin") if origin is None else origin


def same_origin(origin, host):
    """Return whether an origin has exactly the request's host and port.

    Only ``scheme://host[:port]`` counts, with or without a path. ``null``, user-info, a missing
    scheme and anything else that could be read in two ways is no match.

    Args:
        origin: The origin, a native ``str``.
        host: The value of ``Host``, a native ``str``, or None.

    Returns:
        A bool; host and port are compared as they stand, case aside.
    """
    match = _ORIGIN.match(origin)
    return match is not None and host is not None and match.group(1).lower() == host.lower()


def is_trusted_origin(origin, trusted):
    """Tell whether an origin is one of a list.

    Args:
        origin: The origin, a native ``str``.
        trusted: A collection of ``scheme://host[:port]``, compared as they stand, or None.

    Raises:
        ValueError: It is one text, in which any part of an origin would be found.
    """
    if trusted is None:
        return False
    if isinstance(trusted, (str, bytes, type(u""))):
        raise ValueError("trusted_origins is a list of origins, not %r" % (trusted,))
    return "://" in origin and origin in trusted


def offered_subprotocols(headers):
    """Return the subprotocols that a request offers.

    RFC 6455 section 4.1 wants tokens. Clients also offer ``json/v1``, ``name:14`` or a secret in
    base64, and every Tornado hands these on: so whatever stands between commas counts.

    Args:
        headers: The request's headers.

    Returns:
        A list of native ``str``, the preferred first; empty when none is offered.
    """
    return split_list(headers.get("Sec-WebSocket-Protocol") or "")


def response_headers(key, subprotocol, extension):
    """Return what makes a 101 response the answer to a request (RFC 6455 section 4.2.2, 5).

    Args:
        key: The key that `check_key` returned.
        subprotocol: The agreed subprotocol, or None.
        extension: The value for ``Sec-WebSocket-Extensions``, or None.

    Returns:
        A list of (name, value), native ``str``.
    """
    items = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_value(key)),
    ]
    if subprotocol is not None:
        items.append(("Sec-WebSocket-Protocol", subprotocol))
    if extension is not None:
        items.append(("Sec-WebSocket-Extensions", extension))
    return items


def encode_response(headers_items):
    """Write the head of a 101 response.

    Args:
        headers_items: All headers in order, an iterable of (name, value), bytes or ``str``.

    Returns:
        Bytes, from the status line to the empty line. Text goes out as Latin-1 where that is
        possible, as UTF-8 where not, which is what Tornado does.

    Raises:
        ValueError: When a name is no token, or a value has a control character but a tab
            (RFC 7230 section 3.2): it could end the header.
    """
    lines = [b"HTTP/1.1 101 Switching Protocols"]
    for name, value in headers_items:
        name, value = _encode_text(name), _encode_text(value)
        line = name + b": " + value
        if not _FIELD_NAME.match(name) or _CONTROLS.search(value):
            raise ValueError("illegal character in header: %r" % (line,))
        lines.append(line)
    return b"\r\n".join(lines + [b"", b""])


def _encode_text(text):
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def make_key(random_bytes16):
    """Return a client's ``Sec-WebSocket-Key``.

    Args:
        random_bytes16: 16 bytes "selected randomly for each connection" (RFC 6455 section 4.1, 7).

    Returns:
        A native ``str`` of 24 characters.

    Raises:
        ValueError: When it is not 16 bytes.
    """
    if len(random_bytes16) != _KEY_LENGTH:
        raise ValueError("a key has %d bytes, not %d" % (_KEY_LENGTH, len(random_bytes16)))
    return _base64(random_bytes16)


def check_subprotocols(subprotocols):
    """Check what a client offers (RFC 6455 section 4.1, 10).

    What is no token but arrives as it is may be offered, as every Tornado lets programs do.

    Args:
        subprotocols: An iterable of ``str``, the preferred first, or None.

    Returns:
        A list of native ``str``.

    Raises:
        ValueError: It is no such iterable, above all a ``str`` itself; an element could not
            arrive as it is: it is empty, or has a comma, white space at an end, a control or a
            non-ASCII character; or it is there twice: they "MUST all be unique strings".
    """
    if subprotocols is None:
        return []
    if isinstance(subprotocols, (bytes, type(u""))) or not hasattr(subprotocols, "__iter__"):
        raise ValueError("subprotocols must be a list of str, not %r" % (subprotocols,))
    offered = list(subprotocols)
    for number, subprotocol in enumerate(offered):
        if not isinstance(subprotocol, (str, type(u""))):
            raise ValueError("a subprotocol must be a str, not %r" % (subprotocol,))
        if not _OFFER.match(subprotocol):
            raise ValueError(
                "subprotocol %r cannot be offered: it must have at least one character, all of "
                "them ASCII, no control character or comma, and no space at either end"
                % (subprotocol,))
        if subprotocol in offered[:number]:
            raise ValueError("subprotocol %r is offered twice" % (subprotocol,))
    return [str(subprotocol) for subprotocol in offered]


def request_headers(key, subprotocols, extension):
    """Return what makes a GET request an opening handshake (RFC 6455 section 4.1).

    Args:
        key: The key that `make_key` returned.
        subprotocols: What to offer, an iterable of ``str``, the preferred first; or None.
        extension: The value for ``Sec-WebSocket-Extensions``, or None.

    Returns:
        A list of (name, value), native ``str``.

    Raises:
        ValueError: As `check_subprotocols`.
    """
    items = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", CLIENT_VERSION),
    ]
    offered = check_subprotocols(subprotocols)
    if offered:
        items.append(("Sec-WebSocket-Protocol", ", ".join(offered)))
    if extension is not None:
        items.append(("Sec-WebSocket-Extensions", extension))
    return items


def check_response(headers, key, subprotocols, offered_deflate, get_list):
    """Check, for a client, the headers of a 101 response (RFC 6455 section 4.1, last list).

    Args:
        headers: The response's headers.
        key: The key that was sent.
        subprotocols: The offered subprotocols, a sequence of ``str``, or None.
        offered_deflate: Whether permessage-deflate was offered, a bool.
        get_list: A function that returns a list of the separate fields of a name.

    Returns:
        A tuple of the chosen subprotocol or None, and the parameters of permessage-deflate as
        `headers.parse_extensions` gives them, or None when the server declined it.

    Raises:
        HandshakeError: When the server broke a rule, "the client MUST _Fail the WebSocket
            Connection_".
    """
    upgrade = _only_value(get_list, "Upgrade")
    if upgrade is None or upgrade.lower() != "websocket":
        raise HandshakeError("Upgrade must be websocket, not %s" % _quote(upgrade))
    connection = headers.get("Connection")
    if not _has_token(connection, "upgrade"):
        raise HandshakeError("Connection must be Upgrade, not %s" % _quote(connection))
    accept = _only_value(get_list, "Sec-WebSocket-Accept")
    if accept != accept_value(key):
        raise HandshakeError(
            "Sec-WebSocket-Accept must be %s, not %s" % (accept_value(key), _quote(accept))
        )
    subprotocol = _only_value(get_list, "Sec-WebSocket-Protocol")
    if subprotocol is not None and subprotocol not in (subprotocols or ()):
        raise HandshakeError("subprotocol %s was not offered" % _quote(subprotocol))
    return subprotocol, _deflate_params(headers, offered_deflate)


def _only_value(get_list, name):
    values = get_list(name)
    if len(values) > 1:
        raise HandshakeError("more than one %s header" % name)
    return values[0].strip(" \t") if values else None


def _deflate_params(headers, offered):
    extensions = parse_extensions(headers.get("Sec-WebSocket-Extensions") or "")
    for name, _ in extensions:
        if name != PERMESSAGE_DEFLATE or not offered:
            raise HandshakeError("extension %s was not offered" % _quote(name))
    if len(extensions) > 1:
        raise HandshakeError("permessage-deflate was accepted more than once")
    return extensions[0][1] if extensions else None


def _quote(value):
    return "nothing" if value is None else repr(value[:_QUOTED_LENGTH])
