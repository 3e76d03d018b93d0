"""OpenTelemetry: docs/operations/monitoring.rst."""
import logging

import tornado_ws

tornado_ws.install()  # first: the instrumentation asks what a WebSocketHandler is

from opentelemetry.instrumentation.tornado import TornadoInstrumentor  # noqa: E402

TornadoInstrumentor().instrument()
# The span ends in the connection's own context, not in that of the request: it says so for each.
logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)

from tornado import web, websocket  # noqa: E402


class Echo(websocket.WebSocketHandler):

    def on_message(self, message):
        return self.write_message(message)


def make_app():
    return web.Application([("/echo", Echo)])
