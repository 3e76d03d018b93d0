"""Origins: docs/howto/origins.rst."""
from tornado.web import Application

from tornado_ws import websocket


class Echo(websocket.WebSocketHandler):
    """Open to pages of the host that they connect to."""

    def get_compression_options(self):
        return {}

    def on_message(self, message):
        return self.write_message(message, binary=isinstance(message, bytes))


class EchoForFriends(Echo):
    """Open to pages of hosts that come and go, too."""

    def check_origin(self, origin):
        return origin in self.settings["friends"] or super().check_origin(origin)


class Address(Echo):
    """Says who is asking."""

    def open(self):
        self.write_message({"ip": self.request.remote_ip, "protocol": self.request.protocol})


def make_app():
    return Application(
        [("/ws", Echo), ("/ws/friends", EchoForFriends), ("/ws/address", Address)],
        trusted_origins=["https://www.example.com", "http://localhost:3000"],
        friends={"https://partner.example.com"},
        websocket_ping_interval=25)
