"""Strict UTF-8 (RFC 3629), the same on every Python.

The built-in codecs disagree about one thing: some pass surrogates (U+D800 to U+DFFF) in both
directions, some do not. What they do is tried out once, at import; only a codec that is too
lenient gets a second look at its result.

The built-in incremental decoders also differ in *when* they complain: after ``ED`` the byte
``A0`` already cannot be part of any character, yet several wait for the next byte. `Validator`
looks at an unfinished character itself and never waits.
"""
from __future__ import absolute_import, division, print_function

import codecs
import re

# Where even a lenient codec finds nothing to say, ED always starts a character, and from ED A0
# on that character is a surrogate.
_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")

# RFC 3629 section 4: UTF8-2, UTF8-3 and UTF8-4, each without at least its last byte.
_UNFINISHED = re.compile(
    b"(?:[\xc2-\xdf]"
    b"|\xe0[\xa0-\xbf]?"
    b"|[\xe1-\xec\xee\xef][\x80-\xbf]?"
    b"|\xed[\x80-\x9f]?"
    b"|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?"
    b"|[\xf1-\xf3](?:[\x80-\xbf][\x80-\xbf]?)?"
    b"|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?"
    b")\\Z"
)


def _decode_checked(data):
    """Decode UTF-8.

    Args:
        data: The whole text as bytes.

    Returns:
        The text, ``str`` (``unicode`` on Python 2).

    Raises:
        UnicodeDecodeError: For anything that RFC 3629 does not allow: surrogates, overlong
            forms, code points over U+10FFFF, stray or missing continuation bytes.
    """
    text = data.decode("utf-8")
    _refuse_surrogates(data)
    return text


def _encode_checked(text):
    """Encode to UTF-8.

    Args:
        text: The text, ``str`` (``unicode`` on Python 2).

    Returns:
        The bytes.

    Raises:
        UnicodeEncodeError: For a lone surrogate. Python 2 joins a surrogate pair into the
            character that it stands for, Python 3 refuses it too.
    """
    data = text.encode("utf-8")
    match = _SURROGATE.search(data)
    if match:
        start = len(data[: match.start()].decode("utf-8"))
        raise UnicodeEncodeError("utf-8", text, start, start + 1, "surrogates not allowed")
    return data


def _scan_built_in(data):
    """Return the length of the whole characters that ``data`` starts with."""
    return codecs.utf_8_decode(data, "strict", False)[1]


def _scan_checked(data):
    _refuse_surrogates(data)
    return codecs.utf_8_decode(data, "strict", False)[1]


def _refuse_surrogates(data):
    match = b"\xed" in data and _SURROGATE.search(data)
    if match:
        raise UnicodeDecodeError(
            "utf-8", bytes(data), match.start(), match.end(), "surrogates not allowed"
        )


def _unfinished_character(data, start):
    rest = data[start:]
    if rest and not _UNFINISHED.match(rest):
        raise UnicodeDecodeError(
            "utf-8", bytes(data), start, len(data), "invalid continuation byte"
        )
    return rest


def _built_in_accepts(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# Python 2 is lenient. Where it is not, UTF-8 is also what these two methods use by default; as
# they are they cost no call of ours.
_LENIENT = _built_in_accepts(b"\xed\xa0\x80")
decode = _decode_checked if _LENIENT else bytes.decode
encode = _encode_checked if _LENIENT else type(u"").encode
_scan = _scan_checked if _LENIENT else _scan_built_in


class Validator(object):
    """Says of a text that comes in parts, at the first wrong byte, that it is not UTF-8.

    "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is
    not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_"
    (RFC 6455 section 8.1). Where the parts are cut makes no difference. The work is linear
    in the number of bytes. After an error the object is not used again.
    """

    __slots__ = ("_unfinished",)

    def __init__(self):
        self._unfinished = b""

    def feed(self, data):
        """Take the next part of the text.

        Args:
            data: Any number of bytes.

        Raises:
            UnicodeDecodeError: When a byte of ``data`` cannot go on with what came before.
        """
        if self._unfinished:
            data = self._unfinished + data
        self._unfinished = _unfinished_character(data, _scan(data))

    def finish(self):
        """Say that the text is complete; the object is ready for another one.

        Raises:
            UnicodeDecodeError: When the last character is not complete.
        """
        rest = self._unfinished
        if rest:
            raise UnicodeDecodeError("utf-8", bytes(rest), 0, len(rest), "unexpected end of data")
