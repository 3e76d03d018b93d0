"""TLS, with certificates of one's own: docs/operations/tls.rst."""
import ssl

from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.web import Application

from tornado_ws import websocket


class Who(websocket.WebSocketHandler):
    """Says whose certificate the client has."""

    def prepare(self):
        certificate = self.request.get_ssl_certificate()  # later the request has none
        names = [value for field in certificate["subject"] for key, value in field
                 if key == "commonName"] if certificate else []
        self.name = names[0] if names else None

    def open(self):
        self.write_message({"name": self.name})


def server_context():
    """Returns what a server needs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("server.pem", "server.key")
    return context


def strict_server_context():
    """Returns what a server needs that talks to clients with a certificate only."""
    context = server_context()
    context.load_verify_locations("ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_server(context):
    return HTTPServer(Application([("/who", Who)]), ssl_options=context)


async def connect(url):
    """Connects to a server whose certificate our own authority has signed."""
    return await websocket.websocket_connect(HTTPRequest(url, ca_certs="ca.pem"))


async def connect_with_certificate(url):
    """The same, and shows a certificate."""
    return await websocket.websocket_connect(HTTPRequest(
        url, ca_certs="ca.pem", client_cert="client.pem", client_key="client.key"))
