"""What a server refuses, and what its log says of it, with both faces (C7, C8, section 11)."""
from __future__ import absolute_import, division, print_function

import logging

from installed import installed
from peers import Noted, WebSocketCase, async_test, each, with_rows
from wire import HANDSHAKE, accept_value

from tornado_ws import websocket

UNPARSABLE = (("open_bracket", "http://[::1"), ("closing_bracket", "http://::1]"),
              ("brackets", "http://[x]y"), ("no_address", "http://[zz]"),
              ("nfkc", u"http://exa\u2100mple.com".encode("utf-8").decode("latin-1")),
              ("garbage", "http://%"), ("null", "null"))


def handshake(**changes):
    """Return the handshake's headers with some of them changed, or left out if None."""
    changes = {name.replace("_", "-"): value for name, value in changes.items()}
    items = [(name, changes.pop(name, value)) for name, value in HANDSHAKE]
    return [(name, value) for name, value in items + sorted(changes.items()) if value is not None]


@with_rows
class RefusalTest(WebSocketCase):
    websocket = websocket

    def plain(self):
        class Plain(Noted, self.websocket.WebSocketHandler):
            """Notes what comes."""
        return self.add(Plain)

    @each(*UNPARSABLE)
    @async_test
    def test_an_origin_that_cannot_be_parsed(self, origin):
        """C8, section 11: 403 and one line at debug level, whatever the installed Tornado does."""
        peer = yield self.connect_raw()
        path = self.plain()
        for _ in range(2):  # the connection lives on
            del self.log.entries[:]
            peer.send_request(path, handshake(Origin=origin))
            status, _, body = yield peer.read_response()
            self.assertEqual((status, body), (403, b"Cross origin websockets not allowed"))
            self.assertEqual([entry.level for entry in self.log.entries
                              if entry.logger in ("tornado.general", "tornado.application")],
                             [logging.DEBUG])

    @each(("allows", True, 101), ("refuses", False, 403))
    @async_test
    def test_an_override_decides(self, answer, status):
        """C8: an origin that can be parsed is check_origin's business."""
        class Deciding(Noted, self.websocket.WebSocketHandler):
            def check_origin(self, origin):
                self.note("asked", origin)
                return answer

        peer = yield self.connect_raw()
        peer.send_request(self.add(Deciding), handshake(Origin="http://[::1]:80"))
        first, _ = yield peer.read_head()
        self.assertIn(" %d " % status, first)
        self.assertEqual(self.notes[0], ("asked", "http://[::1]:80"))

    @each(
        ("no_key", {"Sec_WebSocket_Key": None}, "Sec-WebSocket-Key is missing"),
        ("empty_key", {"Sec_WebSocket_Key": ""}, "Sec-WebSocket-Key is missing"),
        ("upgrade", {"Upgrade": "h2c"}, '"Upgrade"'),
        ("connection", {"Connection": "close"}, '"Connection"'),
        ("extensions", {"Sec_WebSocket_Extensions": "a b"},
         "Sec-WebSocket-Extensions is malformed"),
    )
    @async_test
    def test_the_log_names_the_header(self, changes, text):
        """C7: the 400's debug line says which header is wrong, and does not quote it."""
        peer = yield self.connect_raw()
        peer.send_request(self.plain(), handshake(**changes))
        self.assertEqual((yield peer.read_response())[0], 400)
        lines = [entry for entry in self.log.entries if entry.logger == "tornado.general"]
        self.assertEqual([entry.level for entry in lines], [logging.DEBUG])
        self.assertIn(text, lines[0].message)

    @async_test
    def test_the_log_names_the_host(self):
        """C7: likewise, where the installed Tornado lets such a request through."""
        peer = yield self.connect_raw()
        peer.send_request(self.plain(), handshake(Host="a, b"), host=False)
        self.assertEqual((yield peer.read_response())[0], 400)
        self.log.entries = [entry for entry in self.log.entries
                            if not entry.message.startswith("Malformed HTTP")]
        lines = [entry.message for entry in self.log.entries if entry.logger == "tornado.general"]
        self.assertEqual([line for line in lines if "Host is no host and port" not in line], [])


@with_rows
class KeyTest(WebSocketCase):
    """A Sec-WebSocket-Key that is no base64 of 16 bytes."""

    KEYS = (("short", "abc"), ("long", "x" * 60), ("text", "not base64!"))

    @each(*KEYS)
    @async_test
    def test_is_refused(self, key):
        """C7; the log says what is wrong."""
        class Plain(Noted, websocket.WebSocketHandler):
            """Notes what comes."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Plain), handshake(Sec_WebSocket_Key=key))
        status, _, body = yield peer.read_response()
        self.assertEqual((status, body), (400, b"Missing/Invalid WebSocket headers"))
        line = self.claim_logs("tornado.general")[0].message
        self.assertIn("Sec-WebSocket-Key is not base64 of 16 bytes", line)
        self.assertNotIn(key, line)

    @each(*KEYS)
    @async_test
    def test_is_taken_by_what_is_installed(self, key):
        """Section 11: any that is not empty, as Tornado."""
        class Plain(Noted, installed.WebSocketHandler):
            """Notes what comes."""
        peer = yield self.connect_raw()
        peer.send_request(self.add(Plain), handshake(Sec_WebSocket_Key=key))
        first, headers = yield peer.read_head()
        self.assertIn(" 101 ", first)
        self.assertEqual(headers["Sec-WebSocket-Accept"], accept_value(key))


class InstalledRefusalTest(RefusalTest):
    websocket = installed
