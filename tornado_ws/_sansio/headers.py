"""The list syntax of the ``Sec-WebSocket-*`` headers: plain lists, tokens, extensions.

Header values are native ``str`` with anything in them. Every pattern here fails or goes on at
the first character that tells, so that the work is linear in the length of the value.
"""
from __future__ import absolute_import, division, print_function

import re

from tornado_ws._sansio.errors import HandshakeError

PERMESSAGE_DEFLATE = "permessage-deflate"

TOKEN_CHARS = r"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_TOKEN = re.compile(TOKEN_CHARS + r"\Z")

_GAP = re.compile(r"[ \t,]*")
_NAME = re.compile(r"(%s)[ \t]*" % TOKEN_CHARS)
# extension-param = token [ "=" (token | quoted-string) ]
_PARAM = re.compile(
    r""";[ \t]*(%s)[ \t]*(?:=[ \t]*(?:(%s)|"([^"\\]*(?:\\.[^"\\]*)*)")[ \t]*)?"""
    % (TOKEN_CHARS, TOKEN_CHARS),
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def is_token(text):
    """Return whether ``text`` is a token (RFC 7230 section 3.2.6), a bool."""
    return _TOKEN.match(text) is not None


def split_list(value):
    """Split a comma list, such as ``Sec-WebSocket-Protocol`` has.

    Args:
        value: The header's value, a native ``str``.

    Returns:
        The elements in order, without white space at their ends; empty ones are left out: "A
        recipient MUST parse and ignore a reasonable number of empty list elements" (RFC 7230
        section 7).
    """
    elements = [element.strip(" \t") for element in value.split(",")]
    return [element for element in elements if element]


def parse_extensions(value):
    """Parse a list of extensions with parameters (RFC 6455 section 9.1).

    Args:
        value: The value of ``Sec-WebSocket-Extensions``, a native ``str``.

    Returns:
        A list of (name, params), params being a list of (name, value or None); order, case
        and repetitions are kept, quotes are taken off, empty list elements are left out.

    Raises:
        HandshakeError: When the value does not conform to the ABNF. "When using the
            quoted-string syntax variant, the value after quoted-string unescaping MUST
            conform to the 'token' ABNF."
    """
    extensions = []
    position = _GAP.match(value).end()
    while position < len(value):
        match = _NAME.match(value, position)
        if not match:
            raise _malformed("malformed list of extensions")
        params, position = _parse_params(value, match.end())
        extensions.append((match.group(1), params))
        if value[position:position + 1] not in ("", ","):
            raise _malformed("malformed list of extensions")
        position = _GAP.match(value, position).end()
    return extensions


def _malformed(message):
    return HandshakeError(message, header="Sec-WebSocket-Extensions is malformed")


def _parse_params(value, position):
    params = []
    match = _PARAM.match(value, position)
    while match:
        name, plain, quoted = match.groups()
        if quoted is not None:
            plain = _QUOTED_PAIR.sub(r"\1", quoted)
            if not is_token(plain):
                raise _malformed("a quoted extension parameter is no token")
        params.append((name, plain))
        position = match.end()
        match = _PARAM.match(value, position)
    return params, position


def build_extension(name, params):
    """Write one extension for ``Sec-WebSocket-Extensions``.

    Args:
        name: The extension's name.
        params: A list of (name, value or None); a value is a token.

    Returns:
        A native ``str``.

    Raises:
        ValueError: When a name or a value is no token.
    """
    for text in [name] + [part for param in params for part in param if part is not None]:
        if not is_token(text):
            raise ValueError("not a token: %r" % (text,))
    pieces = [param if value is None else "%s=%s" % (param, value) for param, value in params]
    return "; ".join([name] + pieces)
