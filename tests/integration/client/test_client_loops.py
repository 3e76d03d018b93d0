"""On which loop a connection lives, and calls from other threads (C17, C40)."""
from __future__ import absolute_import, division, print_function

import threading
import warnings

from free_port import free_port
from peers import async_test, each, until, with_rows
from raw_server import ClientCase
from tornado import gen, testing
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application
from wire import close_frame, frame

from tornado_ws import websocket
from tornado_ws.websocket import WebSocketClosedError

DEADLINE = 30  # seconds for another thread to answer


class Echo(websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, isinstance(message, bytes))


def clear_current():
    """Leave this thread without a current loop; Tornado 6 has no other name for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        IOLoop.clear_current()


class LoopThread(threading.Thread):
    """A loop in a thread of its own, with an echo server on it."""

    def __init__(self):
        super(LoopThread, self).__init__()
        self.daemon = True
        self.ready = threading.Event()

    def run(self):
        self.loop = IOLoop(make_current=True)
        sock, port = testing.bind_unused_port()
        server = HTTPServer(Application([("/", Echo)]))
        server.add_socket(sock)
        self.url = "ws://127.0.0.1:%d/" % port
        self.loop.add_callback(self.ready.set)
        self.loop.start()
        server.stop()
        clear_current()
        self.loop.close(all_fds=True)

    def __enter__(self):
        self.start()
        if not self.ready.wait(DEADLINE):
            raise AssertionError("the loop does not run")
        return self

    def __exit__(self, *exc_info):
        self.loop.add_callback(self.loop.stop)
        self.join(DEADLINE)


class Outcome(object):
    """What a callback in another thread was given."""

    def __init__(self):
        self._event = threading.Event()
        self._note = None

    def __call__(self, future):
        self._note = (future, threading.current_thread(), IOLoop.current())
        self._event.set()

    def wait(self):
        """Return the Future, the thread and the loop of the call."""
        if not self._event.wait(DEADLINE):
            raise AssertionError("the callback was not called")
        return self._note


class LoopCase(testing.AsyncTestCase):
    """This thread has a current loop, which does not run unless the test runs it."""

    runTest = None  # see WebSocketCase


@with_rows
class OtherLoopTest(LoopCase):
    """C40: ``io_loop`` is honoured on every Tornado, also when it is not the current one."""

    @each(("of_another", True), ("of_none", False))
    def test_the_connection_lives_on_the_given_loop(self, has_one):
        """C40: all callbacks are called there, all I/O is done there."""
        if not has_one:
            clear_current()
        with LoopThread() as other:
            connected, read, closed = Outcome(), Outcome(), Outcome()
            websocket.websocket_connect(other.url, io_loop=other.loop, callback=connected)
            future, thread, loop = connected.wait()
            self.assertIs(thread, other)
            self.assertIs(loop, other.loop)
            connection = future.result()
            self.assertIs(connection.io_loop, other.loop)
            connection.write_message(u"hello").result(DEADLINE)
            other.loop.add_callback(connection.read_message, read)
            future, thread, _ = read.wait()
            self.assertIs(thread, other)
            self.assertEqual(future.result(), u"hello")
            other.loop.add_callback(connection.read_message, closed)
            connection.close(1000)
            self.assertIs(closed.wait()[0].result(), None)

    def test_failures_come_there_too(self):
        with LoopThread() as other:
            outcome = Outcome()
            websocket.websocket_connect(
                "ws://127.0.0.1:%d/" % free_port(), io_loop=other.loop, callback=outcome)
            future, thread, loop = outcome.wait()
            self.assertIs(thread, other)
            self.assertIsInstance(future.exception(), EnvironmentError)

    def test_other_errors_come_there_too(self):
        """C40: what only shows on the other loop goes to the Future."""
        with LoopThread() as other:
            outcome = Outcome()
            websocket.websocket_connect(
                other.url, io_loop=other.loop, callback=outcome, connect_timeout=object())
            self.assertIsInstance(outcome.wait()[0].exception(), TypeError)

    @each(
        ("url", {"url": "http://127.0.0.1/"}),
        ("compression", {"compression_options": {"level": 1}}),
        ("subprotocols", {"subprotocols": ["a", "a"]}),
    )
    def test_value_errors_are_raised_at_the_call(self, arguments):
        """C38, C30: whichever loop is given."""
        with LoopThread() as other:
            arguments.setdefault("url", other.url)
            with self.assertRaises(ValueError):
                websocket.websocket_connect(io_loop=other.loop, **arguments)

    def test_messages_go_to_the_given_loop(self):
        """C40, C41: ``on_message_callback`` is called in the loop's thread."""
        with LoopThread() as other:
            connected, messages, ended = Outcome(), [], threading.Event()

            def on_message(message):
                messages.append((message, threading.current_thread()))
                if message is None:
                    ended.set()
                else:
                    connected.wait()[0].result().close()
            websocket.websocket_connect(other.url, io_loop=other.loop, callback=connected,
                                        on_message_callback=on_message)
            connected.wait()[0].result().write_message(u"a").result(DEADLINE)
            self.assertTrue(ended.wait(DEADLINE))
            self.assertEqual(messages, [(u"a", other), (None, other)])


@with_rows
class LoopThatIsNotRunningTest(LoopCase):
    """C40: a loop of this thread that runs only later, current or not."""

    @each(("current", True), ("not_current", False))
    def test_connect_before_the_loop_runs(self, current):
        if not current:
            clear_current()
        with LoopThread() as other:
            future = websocket.websocket_connect(other.url, io_loop=self.io_loop)
            connection = self.io_loop.run_sync(lambda: future, timeout=DEADLINE)
            self.assertIs(connection.io_loop, self.io_loop)
            self.assertEqual(self.io_loop.run_sync(lambda: self.talk(connection)), (u"x", None))

    @gen.coroutine
    def talk(self, connection):
        yield connection.write_message(u"x")
        message = yield connection.read_message()
        connection.close()
        end = yield connection.read_message()
        raise gen.Return((message, end))


class CurrentLoopTest(ClientCase):
    @async_test
    def test_the_current_loop_may_be_named(self):
        """C40."""
        conn, _ = yield self.open(io_loop=self.io_loop)
        self.assertIs(conn.io_loop, self.io_loop)


@with_rows
class ThreadTest(ClientCase):
    """C17: `write_message`, `ping` and `close` may be called from another thread."""

    @gen.coroutine
    def call(self, function):
        """Call a function in a thread of its own and return its outcome."""
        outcome = []

        def run():
            try:
                outcome.append((function(), None))
            except Exception as error:
                outcome.append((None, error))
        thread = threading.Thread(target=run)
        thread.start()
        yield until(lambda: outcome)
        thread.join()
        result, error = outcome[0]
        if error is not None:
            raise error
        raise gen.Return(result)

    @async_test
    def test_calls_are_made_in_order(self):
        conn, peer = yield self.open()

        def work():
            results = [conn.write_message(u"%d" % number) for number in range(100)]
            results.append(conn.ping(b"p"))
            results.append(conn.close(1001, u"bye"))
            return [result.result(DEADLINE) for result in results]
        results = yield self.call(work)
        self.assertEqual(results, [None] * 102)
        expected = [(0x81, b"%d" % number) if str is bytes else (0x81, str(number).encode())
                    for number in range(100)]
        for one in expected + [(0x89, b"p"), (0x88, b"\x03\xe9bye")]:
            self.assertEqual((yield peer.read_frame()), one)
        peer.send(close_frame(1001, b"", None))
        self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_many_threads(self):
        """Each frame is whole, each thread's own messages stay in order."""
        conn, peer = yield self.open()
        threads = [threading.Thread(target=lambda name=name: [
            conn.write_message(u"%s%d" % (name, number)) for number in range(50)])
            for name in "abcd"]
        for thread in threads:
            thread.start()
        received = []
        for _ in range(200):
            received.append((yield peer.read_frame()).payload.decode("ascii"))
        for thread in threads:
            thread.join()
        for name in "abcd":
            self.assertEqual([text for text in received if text[0] == name],
                             ["%s%d" % (name, number) for number in range(50)])

    @each(
        ("type", lambda conn: conn.write_message(None), TypeError),
        ("ping", lambda conn: conn.ping(b"x" * 126), ValueError),
        ("close_code", lambda conn: conn.close(999), ValueError),
        ("close_reason", lambda conn: conn.close(reason=u"x" * 124), ValueError),
    )
    @async_test
    def test_errors_come_out_of_result(self, function, kind):
        conn, peer = yield self.open()
        with self.assertRaises(kind):
            yield self.call(lambda: function(conn).result(DEADLINE))
        conn.write_message(u"still here")
        self.assertEqual((yield peer.read_frame()), (0x81, b"still here"))

    @async_test
    def test_on_a_closed_connection(self):
        """WebSocketClosedError, at the call or out of the result; `close` is a no-op."""
        conn, peer = yield self.open()
        peer.send(close_frame(1000, b"", None))
        yield conn.read_message()
        for function in (lambda: conn.write_message(u"x"), lambda: conn.ping()):
            with self.assertRaises(WebSocketClosedError):
                yield self.call(lambda: function().result(DEADLINE))
        yield self.call(conn.close)

    @async_test
    def test_a_large_message_waits_for_the_socket(self):
        """C14, C17: the result is there when the message has been handed to the socket."""
        conn, peer = yield self.open()
        results = []
        size = 32 * 1024 * 1024
        yield self.call(lambda: results.append(conn.write_message(b"x" * size, True)))
        yield until(lambda: conn.protocol._wire_bytes_out > size)
        self.assertFalse(results[0].done())
        yield peer.stream.read_bytes(size)
        yield until(results[0].done)

    @async_test
    def test_let_go_in_another_thread(self):
        """C43: the connection stays open, and is served."""
        conn, peer = yield self.open()
        self.connections.remove(conn)
        holder, protocol = [conn], conn.protocol
        del conn
        yield self.call(holder.pop)
        peer.send(frame(0x89, b"x", None))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"x"))
        peer.close()
        yield until(protocol.is_closing)
