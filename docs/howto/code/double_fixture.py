"""Tests of a handler with a fixture of pytest: docs/howto/testing.rst."""
import pytest
from double_tests import Double
from tornado.web import Application

from tornado_ws.testing import WebSocketTestCase


class DoubleCase(WebSocketTestCase):

    def get_app(self):
        return Application([("/double", Double)])

    def runTest(self):
        """Do nothing: it is the fixture's."""


@pytest.fixture
def server():
    case = DoubleCase()
    case.setUp()
    yield case
    case.tearDown()


def test_double(server):
    async def ask():
        conn = await server.ws_connect("/double")
        await conn.write_message("21")
        return await conn.read_message()

    assert server.io_loop.run_sync(ask) == "42"
