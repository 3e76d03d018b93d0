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

    def on_message(self, message):
        pass

    def on_close(self):
        stats = self.ws_stats()
        log.info("%s %s: %d messages in, %d out, %.0f s; peer: %s %r; we: %s %r; error: %r",
                 self.request.remote_ip, self.request.path, stats.messages_in, stats.messages_out,
                 self.request.request_time(), self.close_code, self.close_reason,
                 self.sent_close_code, self.sent_close_reason, self.connection_error)


def make_app():
    return Application([("/logged", Logged)])
