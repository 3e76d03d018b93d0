from tornado.ioloop import IOLoop
from tornado.web import Application

from tornado_ws import websocket


class Hello(websocket.WebSocketHandler):

    def on_message(self, message):
        return self.write_message("Hello " + message)


def make_app():
    return Application([("/chat", Hello)])


if __name__ == "__main__":
    make_app().listen(8888, address="127.0.0.1")
    print("http://127.0.0.1:8888/, Ctrl-C ends")
    try:
        IOLoop.current().start()
    except KeyboardInterrupt:
        pass
