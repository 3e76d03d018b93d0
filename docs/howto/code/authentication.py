"""Authentication before the upgrade: docs/howto/authentication.rst."""
import hmac

from tornado.httpclient import HTTPRequest
from tornado.web import Application, HTTPError, RequestHandler

from tornado_ws import websocket


class Login(RequestHandler):
    """What knows a password; here anybody may come in."""

    def post(self):
        self.set_secure_cookie("user", self.get_body_argument("user"), httponly=True)


class Private(websocket.WebSocketHandler):
    """For browsers: the cookie of the page."""

    def get_current_user(self):
        return self.get_secure_cookie("user")

    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def open(self):
        self.write_message(b"Hello " + self.current_user)


class Machines(websocket.WebSocketHandler):
    """For programs: a token in a header."""

    async def prepare(self):
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        known = await self.find_token()
        if kind != "Bearer" or not hmac.compare_digest(token.encode(), known):
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
            self.finish()

    async def find_token(self):
        """Asks a database, say; no client waits for another one meanwhile."""
        return self.settings["token"]

    def on_message(self, message):
        return self.write_message(message)


async def connect(url, token):
    request = HTTPRequest(url, headers={"Authorization": "Bearer " + token})
    return await websocket.websocket_connect(request)


class Renewing(Private):
    """Sets a cookie with the answer to the handshake."""

    def prepare(self):
        super().prepare()
        self.set_secure_cookie("user", self.current_user, httponly=True)


def make_app():
    return Application(
        [("/login", Login), ("/private", Private), ("/machines", Machines),
         ("/renewing", Renewing)],
        cookie_secret="from a file that is not in the repository", token=b"s3cret")
