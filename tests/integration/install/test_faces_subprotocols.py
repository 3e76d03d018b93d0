"""Subprotocols that are no tokens, with both faces and both roles (C9)."""
from __future__ import absolute_import, division, print_function

from installed import installed
from peers import Noted, async_test, each, with_rows
from raw_server import ClientCase
from tornado.httpclient import HTTPRequest
from wire import frame

from tornado_ws import websocket

NO_TOKENS = ("mock_id:14", "json/v1", "a==", "Bearer x.y", "base64url.bearer.k8s.io/x", "(a)[b]",
             "a b", '"a"', "b;c=1", "@")


@with_rows
class SubprotocolTest(ClientCase):
    websocket = websocket

    def selecting(self, choose):
        """Make a handler class that notes what is offered; ``choose`` gets the list."""
        class Selecting(Noted, self.websocket.WebSocketHandler):
            def select_subprotocol(self, subprotocols):
                self.note("offered", subprotocols)
                return choose(subprotocols)

            def open(self):
                self.note("selected", self.selected_subprotocol)
        return Selecting

    @each(*[("%d" % number, offer) for number, offer in enumerate(NO_TOKENS)])
    @async_test
    def test_offered_to_a_server(self, offer):
        """C9: split at commas, stripped, and handed on as it is; the choice is sent back."""
        peer = yield self.open_raw(
            self.selecting(lambda offered: offered[1]),
            [("Sec-WebSocket-Protocol", "a , %s,, b\t" % offer)])
        self.assertEqual(peer.response[1]["Sec-WebSocket-Protocol"], offer)
        self.assertEqual(self.notes, [("offered", ["a", offer, "b"]), ("selected", offer)])

    @async_test
    def test_an_offer_of_nothing(self):
        """C9: an empty list."""
        for value in ("", ",", " ,\t, "):
            yield self.open_raw(self.selecting(lambda offered: None),
                                [("Sec-WebSocket-Protocol", value)])
        self.assertEqual(self.notes, [("offered", []), ("selected", None)] * 3)

    @each(*[("%d" % number, offer) for number, offer in enumerate(NO_TOKENS)])
    @async_test
    def test_offered_by_a_client(self, offer):
        """C9: what arrives as it is may be offered, and chosen."""
        conn, peer = yield self.open(subprotocols=["a", offer],
                                     headers=[("Sec-WebSocket-Protocol", offer)])
        self.assertEqual(peer.request[1]["Sec-WebSocket-Protocol"], "a, " + offer)
        self.assertEqual(conn.selected_subprotocol, offer)
        peer.send(frame(0x81, b"x", None))
        self.assertEqual((yield conn.read_message()), u"x")

    @async_test
    def test_offered_in_a_header(self):
        """C9: of the program's own, in the request that it gives."""
        request = HTTPRequest(self.server_url(), headers={"Sec-WebSocket-Protocol": "json/v1,b:c"})
        conn, _ = yield self.open(request, headers=[("Sec-WebSocket-Protocol", "b:c")])
        self.assertEqual(conn.selected_subprotocol, "b:c")

    @async_test
    def test_an_iterator_is_used_once(self):
        """C9: any iterable of str."""
        conn, peer = yield self.open(subprotocols=iter(["a:b", "c"]))
        self.assertEqual(peer.request[1]["Sec-WebSocket-Protocol"], "a:b, c")

    @each(
        ("empty", ["a", ""]), ("comma", ["a", "b,c"]), ("space_first", [" a"]),
        ("space_last", ["a "]), ("tab", ["a\t"]), ("inner_tab", ["a\tb"]),
        ("line_break", ["a\r\nX: y"]), ("last_line_break", ["a\n"]), ("delete", ["a\x7f"]),
        ("not_ascii", [u"\xe9"]), ("repeated", ["b", "a", "a"]), ("none", ["a", None]),
        ("number", [1]),
    )
    @async_test
    def test_what_cannot_be_offered(self, offered):
        """C9: a ValueError at the call that names it."""
        with self.assertRaises(ValueError) as caught:
            self.start(subprotocols=offered)
        self.assertIn(repr(offered[-1]), str(caught.exception))
        yield []

    @each(("str", "chat"), ("text", u"chat"), ("bytes", b"chat"), ("one_letter", "c"),
          ("empty", ""), ("number", 7))
    @async_test
    def test_no_list(self, offered):
        """C9: a str in place of a list is not an offer of its letters."""
        with self.assertRaises(ValueError) as caught:
            self.start(subprotocols=offered)
        self.assertIn("subprotocols", str(caught.exception))
        self.assertIn(repr(offered), str(caught.exception))
        yield []


class InstalledSubprotocolTest(SubprotocolTest):
    websocket = installed
