"""Scenarios of the client's connecting, seen from a raw server."""
from __future__ import absolute_import, division, print_function

from differential_peer import TEXT
from differential_run import scenario
from free_port import free_port
from tornado import gen
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop


def be_answered(run, *args, **kwargs):
    """Connect to a server that gives this answer; note the outcome."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url())
    peer = yield server.accept()
    yield peer.answer(*args, **kwargs)
    yield run.outcome("connect", future)


@scenario
def client_connects(run):
    """C38: the request's head, the answer's headers, the closing handshake."""
    connection, peer = yield run.connect_ws("/path?query=1")
    run.note("headers", connection.headers["Upgrade"], connection.close_code,
             connection.close_reason)
    yield peer.finish()
    message = yield connection.read_message()
    run.note("read", message, connection.close_code, connection.close_reason)


@scenario
def client_sends_headers_of_the_request(run):
    """C38: the options of an ``HTTPRequest`` are honoured."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(HTTPRequest(
        run.url("/h"), headers={"X-Test": "yes", "Cookie": "a=b", "Origin": "http://x"},
        auth_username="user", auth_password="secret", user_agent="agent/1"))
    peer = yield server.accept()
    yield peer.accept_handshake()
    connection = yield future
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_sends_user_of_the_url(run):
    """C38: a user in the URL is sent as basic authentication."""
    server = run.listen_raw()
    future = run.ws.websocket_connect("ws://user:secret@127.0.0.1:%d/" % run.port)
    peer = yield server.accept()
    yield peer.accept_handshake()
    connection = yield future
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_keeps_the_request_object(run):
    """C38: the object passed in is not changed."""
    server = run.listen_raw()
    request = HTTPRequest(run.url("/h"), headers={"X-Test": "yes"})
    future = run.ws.websocket_connect(request)
    peer = yield server.accept()
    yield peer.accept_handshake()
    connection = yield future
    run.note("headers", dict(request.headers) == {"X-Test": "yes"}, request.url == run.url("/h"))
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_request_and_connect_timeout(run):
    """A request brings its own timeout."""
    run.listen_raw()
    run.attempt("connect", run.ws.websocket_connect, HTTPRequest(run.url()), connect_timeout=1)
    yield gen.moment


@scenario
def client_answered_404(run):
    """C39."""
    return be_answered(run, b"404 Not Found", b"no")


@scenario
def client_answered_500(run):
    """C39."""
    return be_answered(run, b"500 Internal Server Error")


@scenario
def client_answered_200(run):
    """C39."""
    return be_answered(run, b"200 OK", b"body")


@scenario
def client_answered_redirect(run):
    """C39: an error; none is followed."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url())
    peer = yield server.accept()
    yield peer.answer(b"302 Found", b"", b"Location: http://127.0.0.1:1/other")
    yield run.turn_until(future.done)
    run.note("resolved", future.done())
    if future.done():
        yield run.outcome("connect", future)


@scenario
def client_refused(run):
    """C39: a network error."""
    run.port = free_port()
    yield run.outcome("connect", run.ws.websocket_connect(run.url()))


@scenario
def client_dropped_in_the_handshake(run):
    """C39: a network error."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url())
    peer = yield server.accept()
    yield peer.read_request()
    peer.close()
    yield run.outcome("connect", future)


@scenario
def client_times_out(run):
    """C39: ``connect_timeout`` covers the handshake."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(run.url(), connect_timeout=10)
    peer = yield server.accept()
    yield peer.read_request()
    future.add_done_callback(lambda done: run.note("connect", done.exception()))
    for seconds in (9, 2, 10):
        run.advance(seconds)
        for _ in range(5):
            yield gen.moment
        run.note("seconds later", seconds)
    yield run.wait_for("connect")


def bad_answer(name, **answer):
    """Make a scenario of a 101 which is not a proper one."""
    def function(run):
        server = run.listen_raw()
        future = run.ws.websocket_connect(run.url())
        peer = yield server.accept()
        yield peer.accept_handshake(**answer)
        future.add_done_callback(lambda done: run.note("connect", done.exception()))
        yield peer.read_end()
    function.__name__ = "client_bad_answer_" + name
    function.__doc__ = "C39, C32: a bad 101 is an error."
    scenario(function)


bad_answer("accept_value", Sec_WebSocket_Accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
bad_answer("no_accept_value", Sec_WebSocket_Accept=None)
bad_answer("no_upgrade", Upgrade=None)
bad_answer("wrong_connection", Connection=b"close")
bad_answer("unoffered_extension", Sec_WebSocket_Extensions=b"permessage-deflate")


@scenario
def client_bad_scheme(run):
    """C38: ``ws`` and ``wss`` only."""
    run.listen_raw()
    run.attempt("connect", run.ws.websocket_connect, run.url(scheme="http"))
    yield gen.moment


@scenario
def client_callback_and_io_loop(run):
    """C40: ``callback`` gets the Future; ``io_loop`` is honoured."""
    server = run.listen_raw()

    def on_connect(future):
        run.note("callback", future.done(), future.exception())
    future = run.ws.websocket_connect(run.url(), io_loop=run.loop, callback=on_connect)
    peer = yield server.accept()
    yield peer.accept_handshake()
    connection = yield future
    yield run.wait_for("callback")
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


@scenario
def client_positional_arguments(run):
    """Section 2: 4.3's order."""
    server = run.listen_raw()
    future = run.ws.websocket_connect(
        run.url(), run.loop, lambda done: run.note("callback", done.exception()), 10,
        lambda message: run.note("on_message", message), {})
    peer = yield server.accept()
    yield peer.accept_handshake()
    yield future
    yield run.wait_for("callback")
    peer.send_frame(TEXT, b"one")
    yield run.wait_for("on_message")
    yield peer.finish()


@scenario
def client_on_a_loop_that_is_not_current(run):
    """C40: called before the loop runs, while another is the current one."""
    peer = yield run.server.accept()
    answered = peer.accept_handshake()
    answered.add_done_callback(lambda done: done.exception())
    yield run.turn_until(answered.done)
    run.note("request came", answered.done())
    if not answered.done():
        return
    connection = yield run.future
    run.note("current loop", IOLoop.current() is run.loop,
             connection.protocol.stream.io_loop is run.loop)
    connection.write_message("hello")
    yield peer.read_frame()
    yield peer.finish()
    yield run.outcome("read", connection.read_message())


def _connect_before(run):
    run.server = run.listen_raw()
    run.note("current loop", IOLoop.current() is run.loop)
    run.future = run.ws.websocket_connect(run.url(), io_loop=run.loop)


client_on_a_loop_that_is_not_current.before = _connect_before


@scenario
def client_callback_after_failure(run):
    """C40: ``callback`` gets the Future of a failure, too."""
    server = run.listen_raw()

    def on_connect(future):
        run.note("callback", future.exception())
    future = run.ws.websocket_connect(run.url(), callback=on_connect)
    peer = yield server.accept()
    yield peer.answer(b"403 Forbidden")
    yield run.outcome("connect", future)
    yield run.wait_for("callback")
