"""A server on uvloop: docs/operations/loops.rst.

    python loop.py PORT
"""
import asyncio
import sys

import uvloop
from tornado.web import Application

from tornado_ws import websocket


class Loop(websocket.WebSocketHandler):

    def open(self):
        self.write_message(type(asyncio.get_running_loop()).__module__)


async def main(port):
    Application([("/loop", Loop)]).listen(port, address="127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
