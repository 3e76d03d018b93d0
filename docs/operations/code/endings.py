"""A log of how connections end: docs/operations/logging.rst."""
import logging

from tornado.web import Application

from tornado_ws import websocket

log = logging.getLogger("chat")


def show_everything():
    """Shows every line, those at debug level too."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("tornado.general").setLevel(logging.DEBUG)
    log.setLevel(logging.INFO)


class Logged(websocket.WebSocketHandler):
    """Has a line for each connection, at its end."""

    messages = 0

    def on_message(self, message):
        self.messages += 1

    def on_close(self):
        log.info("%s %s: %d messages, %.0f s, closed with %s %s",
                 self.request.remote_ip, self.request.path, self.messages,
                 self.request.request_time(), self.close_code or "no code",
                 self.close_reason or "")


def make_app():
    return Application([("/logged", Logged)])
