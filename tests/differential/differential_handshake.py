"""Scenarios of the opening handshake, seen from a raw client."""
from __future__ import absolute_import, division, print_function

from differential_peer import TEXT, frame
from differential_run import scenario
from tornado import gen, web


def echo(handler, message):
    """Send a message back as it came."""
    return handler.write_message(message, binary=isinstance(message, bytes))


def shake(run, methods=None, path=b"/", **request):
    """Serve, shake hands, close: the course of most scenarios here."""
    run.serve(run.handler_class(**(methods or {})))
    peer = yield run.connect_raw()
    yield peer.handshake(path=path, **request)
    yield peer.finish()
    yield run.wait_for("on_close")


def be_refused(run, methods=None, **request):
    """Serve, send a request, read a refusal that is an HTTP response."""
    run.serve(run.handler_class(**(methods or {})))
    peer = yield run.connect_raw()
    yield peer.refused_handshake(**request)


def be_dropped(run, methods=None, **request):
    """Serve, send a request, read whatever comes until the server drops the connection or a
    complete refusal is read.
    """
    run.serve(run.handler_class(**(methods or {})))
    peer = yield run.connect_raw()
    yield peer.refused_handshake(**request)
    run.note("handler closed", any(event[0] == "on_close" for event in run.trace["app"]))


@scenario
def plain_handshake(run):
    """C6, C10: nothing but what is needed."""
    return shake(run)


@scenario
def plain_headers(run):
    """C10: all names in the 101's head."""
    run.serve(run.handler_class())
    peer = yield run.connect_raw()
    peer.send(peer.request())
    yield peer.read_head(())
    run.trace["head"] = [sorted(name for name, _ in run.trace["head"][0][1])]
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def mixed_case_tokens(run):
    """C6: ``Upgrade`` in any case, ``Connection`` a list of tokens."""
    return shake(run, Upgrade=b"WebSocket", Connection=b"keep-alive, UPGRADE")


@scenario
def no_upgrade_header(run):
    """C6: 400."""
    return be_refused(run, Upgrade=None)


@scenario
def wrong_upgrade_header(run):
    """C6: 400."""
    return be_refused(run, Upgrade=b"h2c")


@scenario
def no_connection_header(run):
    """C6: 400."""
    return be_refused(run, Connection=None)


@scenario
def wrong_connection_header(run):
    """C6: 400."""
    return be_refused(run, Connection=b"keep-alive")


@scenario
def plain_get(run):
    """C6: a GET without any websocket header."""
    return be_refused(run, Upgrade=None, Connection=None, Sec_WebSocket_Key=None,
                      Sec_WebSocket_Version=None)


@scenario
def other_method(run):
    """What is not GET is not allowed."""
    return be_refused(run, method=b"POST", Content_Length=b"0")


@scenario
def missing_key(run):
    """C7."""
    return be_dropped(run, Sec_WebSocket_Key=None)


@scenario
def malformed_key(run):
    """C7: a key that is not base64 of 16 bytes."""
    return be_refused(run, Sec_WebSocket_Key=b"abc")


@scenario
def version_12(run):
    """C7."""
    return be_dropped(run, Sec_WebSocket_Version=b"12")


@scenario
def missing_version(run):
    """C7."""
    return be_dropped(run, Sec_WebSocket_Version=None)


@scenario
def version_8(run):
    """Section 11: 7 and 8 are accepted with 4.3 semantics."""
    return shake(run, Sec_WebSocket_Version=b"8")


@scenario
def version_7(run):
    """Section 11: 7 and 8 are accepted with 4.3 semantics."""
    return shake(run, Sec_WebSocket_Version=b"7")


@scenario
def subprotocol_chosen(run):
    """C9: the tokens come in order; the chosen one is in the answer."""
    def select_subprotocol(handler, subprotocols):
        run.note("select_subprotocol", subprotocols)
        return subprotocols[1]
    return shake(run, {"select_subprotocol": select_subprotocol},
                 Sec_WebSocket_Protocol=b"chat, superchat,other")


@scenario
def subprotocol_not_chosen(run):
    """C9: without a choice there is no header."""
    return shake(run, Sec_WebSocket_Protocol=b"chat")


@scenario
def subprotocol_not_offered(run):
    """C9: what ``select_subprotocol`` gets when there is no offer."""
    def select_subprotocol(handler, subprotocols):
        run.note("select_subprotocol", subprotocols)
    return shake(run, {"select_subprotocol": select_subprotocol})


@scenario
def subprotocol_invented(run):
    """C9: a choice that was not offered is a programming error."""
    methods = {"select_subprotocol": lambda handler, subprotocols: "invented"}
    return be_dropped(run, methods, Sec_WebSocket_Protocol=b"chat")


@scenario
def compression_offered_but_off(run):
    """C30: off by default."""
    return shake(run, Sec_WebSocket_Extensions=b"permessage-deflate")


@scenario
def unknown_extension_offered(run):
    """C31: unknown extensions are passed over."""
    return shake(run, {"get_compression_options": lambda handler: {}},
                 Sec_WebSocket_Extensions=b"x-webkit-deflate-frame, bbf-usp-protocol; a=1")


def _compression_offer(name, offer):
    def function(run):
        return shake(run, {"get_compression_options": lambda handler: {}},
                     Sec_WebSocket_Extensions=offer)
    function.__name__ = name
    function.__doc__ = "C31: the answer to ``%s``." % offer.decode("ascii")
    scenario(function)


_compression_offer("offer_plain", b"permessage-deflate")
_compression_offer("offer_client_window", b"permessage-deflate; client_max_window_bits")
_compression_offer("offer_server_window", b"permessage-deflate; server_max_window_bits=10")
_compression_offer("offer_no_takeover", b"permessage-deflate; server_no_context_takeover; "
                   b"client_no_context_takeover")
_compression_offer("offer_second", b"unknown, permessage-deflate; client_max_window_bits")


@scenario
def headers_and_cookies_set_in_prepare(run):
    """C10."""
    def prepare(handler):
        handler.set_header("X-Prepared", "yes")
        handler.set_cookie("sugar", "brown")
    return shake(run, {"prepare": prepare})


@scenario
def request_is_seen_in_open(run):
    """Headers, cookies and arguments of the request."""
    def open_handler(handler):
        run.note("request", handler.request.headers.get("X-Test"),
                 handler.get_cookie("sugar"), handler.get_argument("q"),
                 handler.request.path, handler.request.method)
    return shake(run, {"open": open_handler}, path=b"/?q=1&r=2", Cookie=b"sugar=brown",
                 X_Test=b"tested")


@scenario
def positional_groups(run):
    """C12: ``open`` gets the groups of the URL."""
    def open_handler(handler, *args, **kwargs):
        run.note("attributes", handler.open_args, handler.open_kwargs)
    return shake(run, {"open": open_handler}, path=b"/args/a/b%20c")


@scenario
def named_groups(run):
    """C12: ``open`` gets the groups of the URL."""
    return shake(run, path=b"/named/value")


@scenario
def prepare_is_a_coroutine(run):
    """The handshake waits for ``prepare``; frames that came with the request are not lost."""
    @gen.coroutine
    def prepare(handler):
        run.note("prepare")
        yield gen.moment
        run.note("prepared")
    run.serve(run.handler_class(prepare=prepare, on_message=echo))
    peer = yield run.connect_raw()
    yield peer.handshake(and_then=frame(TEXT, b"early"))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def prepare_refuses(run):
    """An ``HTTPError`` in ``prepare`` is the response; nothing is opened or closed."""
    def prepare(handler):
        raise web.HTTPError(402, "pay")
    return be_refused(run, {"prepare": prepare})


@scenario
def write_error_overridden(run):
    """C7: a refusal is an HTTP response of the application like any other."""
    def prepare(handler):
        raise web.HTTPError(403)

    def write_error(handler, status_code, **kwargs):
        handler.finish("custom %d" % status_code)
    return be_refused(run, {"prepare": prepare, "write_error": write_error})


@scenario
def get_websocket_protocol_gives_none(run):
    """Section 2: a handler that speaks no version of the protocol answers 426."""
    return be_dropped(run, {"get_websocket_protocol": lambda handler: None})


@scenario
def prepare_finishes(run):
    """A response that ``prepare`` has finished stands."""
    def prepare(handler):
        handler.set_status(202)
        handler.finish("done already")
    return be_refused(run, {"prepare": prepare})


@scenario
def get_overridden_without_return(run):
    """C6: ``get`` that calls ``super().get`` and returns nothing."""
    base = run.handler_class(on_message=echo)

    class Overriding(base):
        def get(self, *args, **kwargs):
            run.note("get")
            super(Overriding, self).get(*args, **kwargs)

    run.serve(Overriding)
    peer = yield run.connect_raw()
    yield peer.handshake(and_then=frame(TEXT, b"hello"))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def get_overridden_as_a_coroutine(run):
    """C6: ``get`` that looks something up before it calls ``super().get``."""
    base = run.handler_class(on_message=echo)

    class Overriding(base):
        @gen.coroutine
        def get(self, *args, **kwargs):
            yield gen.moment
            run.note("get")
            super(Overriding, self).get(*args, **kwargs)

    run.serve(Overriding)
    peer = yield run.connect_raw()
    yield peer.handshake(and_then=frame(TEXT, b"hello"))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def get_overridden_refuses(run):
    """C6: ``get`` may answer like any other handler's."""
    base = run.handler_class()

    class Overriding(base):
        def get(self, *args, **kwargs):
            raise web.HTTPError(401)

    run.serve(Overriding)
    peer = yield run.connect_raw()
    yield peer.refused_handshake()
