"""What Prometheus asks for: docs/operations/monitoring.rst."""
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest
from tornado.web import Application, RequestHandler

from tornado_ws import websocket

OPEN = Gauge("websocket_open", "Connections that are open")
WAITING = Gauge("websocket_waiting_bytes", "Bytes that clients have not taken yet")
LATENCY = Gauge("websocket_latency_seconds", "What the slowest client's last ping took")
MESSAGES = Counter("websocket_messages", "Messages", ["direction"])
BYTES = Counter("websocket_wire_bytes", "Bytes on the wire", ["direction"])
CLOSED = Counter("websocket_closed", "Connections that have ended", ["why"])

#: A peer may send any of 2000 codes: do not let it make as many time series.
CODES = (None, 1000, 1001, 1002, 1007, 1008, 1009, 1011)


class Metrics(RequestHandler):
    def get(self):
        handlers = websocket.open_connections(self.application)
        for handler in handlers:
            handler.count()
        OPEN.set(len(handlers))
        WAITING.set(sum(handler.buffered_amount for handler in handlers))
        LATENCY.set(max((handler.latency or 0 for handler in handlers), default=0))
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(generate_latest())


class Counted(websocket.WebSocketHandler):
    """Derive your handlers from it."""

    def open(self):
        self.counted = self.ws_stats()

    def count(self):
        """Adds what has come and gone since it was last called."""
        now, before = self.ws_stats(), self.counted
        MESSAGES.labels("in").inc(now.messages_in - before.messages_in)
        MESSAGES.labels("out").inc(now.messages_out - before.messages_out)
        BYTES.labels("in").inc(now.wire_bytes_in - before.wire_bytes_in)
        BYTES.labels("out").inc(now.wire_bytes_out - before.wire_bytes_out)
        self.counted = now

    def on_close(self):
        self.count()
        if self.connection_error is not None:
            why = type(self.connection_error).__name__
        else:
            why = self.sent_close_code if self.sent_close_code in CODES else "other"
        CLOSED.labels(why).inc()


class Echo(Counted):

    def on_message(self, message):
        return self.write_message(message, binary=isinstance(message, bytes))


def make_app(ping_interval=20):
    return Application([("/echo", Echo), ("/metrics", Metrics)],
                       websocket_ping_interval=ping_interval)
