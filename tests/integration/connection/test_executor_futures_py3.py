"""Callbacks that return the Future of an executor: C17, C19, C20, C26."""
import threading
from concurrent.futures import ThreadPoolExecutor

from peers import Noted, WebSocketCase, async_test, each, with_rows
from wire import close_frame, frame

from tornado_ws import websocket


class Working(Noted, websocket.WebSocketHandler):
    """Has a thread do the work of each callback, and notes in which one it is called."""

    serial_messages = True

    def note_thread(self, name):
        self.application.case_threads.append((name, threading.current_thread()))

    def submit(self, function=int):
        return self.application.case_executor.submit(function)

    def on_message(self, message):
        super().on_message(message)
        self.note_thread("message")
        return self.submit()

    def on_ping(self, data):
        self.note_thread("ping")
        return self.submit()

    def on_close(self):
        super().on_close()
        self.note_thread("close")
        return self.submit()


class Failing(Working):
    """The thread fails."""

    def on_message(self, message):
        self.note("message", message)
        return self.submit(lambda: {}["no such key"])


@with_rows
class ExecutorTest(WebSocketCase):

    def setUp(self):
        super().setUp()
        self._app.case_threads = []
        self._app.case_executor = ThreadPoolExecutor(2)
        self.addCleanup(self._app.case_executor.shutdown)

    @each(("serial", True), ("concurrent", False))
    @async_test
    def test_c17_c20_callbacks_stay_in_the_thread_of_the_loop(self, serial):
        """C17, C20: what waits for the Future goes on there, and the end is told there."""
        peer = yield self.open_raw(type("Handler", (Working,), {"serial_messages": serial}))
        ended = self.handler.wait_closed()
        peer.send(*[frame(0x81, b"%d" % i) for i in range(20)])
        peer.send(frame(0x89, b"ping"), close_frame(1000))
        yield ended
        names = [name for name, _ in self._app.case_threads]
        self.assertEqual(sorted(names), ["close"] + ["message"] * 20 + ["ping"])
        self.assertEqual(names[-1], "close")
        self.assertEqual({thread for _, thread in self._app.case_threads},
                         {threading.current_thread()})

    @async_test
    def test_c19_what_fails_in_the_thread_ends_the_connection(self):
        """C19, C26: it is logged once, and on_close() is called once."""
        for count in range(1, 21):
            peer = yield self.open_raw(Failing)
            ended = self.handler.wait_closed()
            peer.send(frame(0x81, b"x"))
            yield ended
            self.assertEqual(self.notes.count(("close", None, None)), count)
        self.assertEqual(len(self.claim_logs("tornado.application", "Uncaught")), 20)
