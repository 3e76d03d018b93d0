"""What the tests of the documentation share: they run the programs that its pages show."""
from __future__ import absolute_import, division, print_function

import os

from tornado import gen, testing

TIMEOUT = float(os.environ.get("ASYNC_TEST_TIMEOUT", 60))
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")
async_test = testing.gen_test(timeout=TIMEOUT)


async def until(condition):
    """Turns the IOLoop until a condition is true."""
    while not condition():
        await gen.sleep(0.001)


class DocsCase(testing.AsyncHTTPTestCase):
    """Runs the application of ``page``, a module with ``make_app``."""

    page = None
    settings = {}
    runTest = None  # pytest makes an instance without a test: Tornado < 6.4 needs the name

    def get_app(self):
        return self.page.make_app(**self.settings)

    def url(self, path):
        """Returns the WebSocket URL of a path."""
        return "ws://127.0.0.1:%d%s" % (self.get_http_port(), path)
