"""The part of a URL that Tornado does not take as RFC 3986 has it."""
from __future__ import absolute_import, division, print_function

import binascii
import re

from tornado.escape import to_unicode

_USERINFO = re.compile(u"([^:/?#]+://)([^/?#]*)@")
_ESCAPE = re.compile(b"%([0-9A-Fa-f]{2})")


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
