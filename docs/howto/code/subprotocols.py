"""Subprotocols: docs/howto/subprotocols.rst."""
from tornado.escape import json_decode
from tornado.web import Application

from tornado_ws import websocket


class Table(websocket.WebSocketHandler):
    """Speaks version 2, or version 1 with those who have no other."""

    def select_subprotocol(self, subprotocols):
        for known in ("table.v2", "table.v1"):
            if known in subprotocols:
                return known
        return None

    def open(self):
        if self.selected_subprotocol is None:
            self.close(1002, "table.v1 or table.v2 is needed")

    def on_message(self, message):
        if self.selected_subprotocol == "table.v2":
            return self.write_message({"row": json_decode(message)["row"], "version": 2})
        return self.write_message(message)


def make_app():
    return Application([("/table", Table)])


async def connect(url):
    """Connects with what the server likes best of the two."""
    conn = await websocket.websocket_connect(url, subprotocols=["table.v2", "table.v1"])
    return conn, conn.selected_subprotocol
