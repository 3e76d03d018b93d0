"""What Prometheus asks for: docs/operations/monitoring.rst."""
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest
from tornado.web import Application, RequestHandler

from tornado_ws import websocket

OPEN = Gauge("websocket_open", "Connections that are open")
MESSAGES = Counter("websocket_messages", "Messages that have come")
CLOSED = Counter("websocket_closed", "Connections that have ended", ["code"])


class Metrics(RequestHandler):
    def get(self):
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(generate_latest())


class Echo(websocket.WebSocketHandler):

    def open(self):
        OPEN.inc()

    def on_message(self, message):
        MESSAGES.inc()
        return self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        OPEN.dec()
        # A peer may send any of 2000 codes: do not let it make as many time series.
        code = self.close_code if self.close_code in (None, 1000, 1001, 1005) else "other"
        CLOSED.labels(code).inc()


def make_app():
    return Application([("/echo", Echo), ("/metrics", Metrics)])
