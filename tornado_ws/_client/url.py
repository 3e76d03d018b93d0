"""URLs of WebSockets: what they may have, their origins, and the credentials in them."""
from __future__ import absolute_import, division, print_function

import binascii
import re

from tornado.escape import to_unicode

from tornado_ws._compat.http import urljoin

SCHEMES = {"ws": "http", "wss": "https"}

_NOT_IN_URL = re.compile(u"[\x00-\x20\x7f]")
_AUTHORITY = re.compile(  # RFC 3986 section 3.2: [ userinfo "@" ] host [ ":" port ]
    r"//(?:[^/?]*@)?(\[[^\]/?@]+\]|[^/?@:\[\]]+)(?::([0-9]*))?(?:[/?]|\Z)")
_MAX_PORT = 65535
_PORTS = {"ws": 80, "wss": 443}

_USERINFO = re.compile(u"([^:/?#]+://)([^/?#]*)@")
_ESCAPE = re.compile(b"%([0-9A-Fa-f]{2})")


def check_url(url):
    """Check a WebSocket URL.

    Args:
        url: The URL.

    Returns:
        ``(scheme, host, port)``, its origin (RFC 6454 section 4): ``ws`` or ``wss``, a host in
        lower case, an IPv6 address in its brackets, and an int.

    Raises:
        ValueError: It has another scheme, no host, or what no such URL may have.
    """
    url = to_unicode(url)
    scheme, colon, rest = url.partition(u":")
    if scheme.lower() not in SCHEMES or not colon:
        raise ValueError("a WebSocket URL begins with ws: or wss:, not %r" % url)
    # RFC 6455 section 3: "Fragment identifiers [...] MUST NOT be used on these URIs."
    if u"#" in rest or _NOT_IN_URL.search(rest):
        raise ValueError("a WebSocket URL has no fragment, space or control character: %r" % url)
    authority = _AUTHORITY.match(rest)
    if authority is None or int(authority.group(2) or 0) > _MAX_PORT:
        raise ValueError("a WebSocket URL names a host, and a port up to %d: %r"
                         % (_MAX_PORT, url))
    scheme = scheme.lower()
    return scheme, authority.group(1).lower(), int(authority.group(2) or _PORTS[scheme])


def resolve(url, reference):
    """Resolve a reference, such as a ``Location``, against a WebSocket URL.

    Args:
        url: The URL.
        reference: A URL or a relative one; ``http`` and ``https`` mean ``ws`` and ``wss``.

    Returns:
        A URL without a fragment; whether it is one of a WebSocket was not checked.
    """
    scheme, _, rest = to_unicode(url).partition(u":")
    joined = urljoin(SCHEMES[scheme.lower()] + u":" + rest, _as_http(to_unicode(reference)))
    scheme, colon, rest = joined.partition(u"#")[0].partition(u":")
    return _AS_WEBSOCKET.get(scheme.lower(), scheme) + colon + rest


_AS_WEBSOCKET = dict((http, scheme) for scheme, http in SCHEMES.items())


def _as_http(reference):
    scheme, colon, rest = reference.partition(u":")
    return SCHEMES.get(scheme.lower(), scheme) + colon + rest


def split_credentials(url):
    """Take user and password out of a URL.

    RFC 3986 section 3.2.1: ``userinfo = *( unreserved / pct-encoded / sub-delims / ":" )``; so a
    password with a slash, say, stands there percent-encoded, and means itself.

    Args:
        url: The URL.

    Returns:
        ``(url, credentials)``: the URL without them, unicode, and a pair of bytes, the password
        empty if there is none; or None where there is neither.
    """
    url = to_unicode(url)
    match = _USERINFO.match(url)
    if match is None:
        return url, None
    scheme, userinfo = match.groups()
    user, _, password = userinfo.partition(u":")
    credentials = (_decode(user), _decode(password)) if userinfo else None
    return scheme + url[match.end():], credentials


def _decode(text):
    return _ESCAPE.sub(lambda match: binascii.unhexlify(match.group(1)), text.encode("utf-8"))
