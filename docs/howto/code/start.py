"""A program that starts with asyncio.run: docs/howto/migrate.rst."""
import asyncio

from tornado.web import Application

from tornado_ws import websocket


class Echo(websocket.WebSocketHandler):

    def on_message(self, message):
        return self.write_message(message)


def make_app():
    return Application([("/echo", Echo)])


async def main():
    make_app().listen(8888, address="127.0.0.1")
    await asyncio.Event().wait()  # for ever; Ctrl-C ends it


if __name__ == "__main__":
    asyncio.run(main())
