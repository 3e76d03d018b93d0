"""The base class of protocols: what it leaves to those who derive from it."""
from __future__ import absolute_import, division, print_function

import pytest

from tornado_ws import websocket


@pytest.mark.parametrize("name, arguments", [
    ("_notice_end", (8, (1000, u""))), ("_handle_message", (9, b"")), ("_callback_failed", ())])
def test_a_version_has_to_say_what_frames_mean(name, arguments):
    protocol = websocket.WebSocketProtocol(None, False, None)
    with pytest.raises(NotImplementedError):
        getattr(protocol, name)(*arguments)


def test_the_accept_value_of_the_rfc():
    """RFC 6455 section 1.3, by 4.3's name."""
    compute = websocket.WebSocketProtocol13.compute_accept_value
    for key in ("dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ=="):
        assert compute(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
