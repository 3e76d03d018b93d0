from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.testing import AsyncHTTPTestCase

from tornado_ws.websocket import _ConnectFuture

__all__ = ["WebSocketTestCase"]

class WebSocketTestCase(AsyncHTTPTestCase):
    def get_ws_url(self, path: str) -> str: ...
    def ws_connect(self, path: str | HTTPRequest, **kwargs: Any) -> _ConnectFuture: ...
