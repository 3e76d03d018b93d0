import asyncio
import sys

from tornado.web import Application

from tornado_ws import websocket


class Hello(websocket.WebSocketHandler):

    def on_message(self, message):
        return self.write_message("Hello " + message)


def make_app():
    return Application([("/chat", Hello)])


async def main():
    try:
        make_app().listen(8888, address="127.0.0.1")
    except OSError as error:
        sys.exit("cannot listen on port 8888: %s" % error.strerror)
    print("talk to ws://127.0.0.1:8888/chat; Ctrl-C ends")
    await asyncio.Event().wait()  # for ever


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
