"""Names and signatures of both ways in (C1, C2, C5, section 2 of the contract)."""
from __future__ import absolute_import, division, print_function

import inspect
import operator

import pytest
import tornado
from fresh_process import run_fresh
from installed import installed, stock

from tornado_ws import websocket

FACE = {
    "WebSocketHandler": [
        "open", "on_message", "on_close", "on_pong", "write_message", "ping", "close",
        "select_subprotocol", "get_compression_options", "check_origin", "set_nodelay",
        "on_connection_close", "send_error", "get_websocket_protocol", "stream", "on_ping",
        "ping_interval", "ping_timeout", "max_message_size", "selected_subprotocol"],
    "WebSocketClientConnection": [
        "write_message", "read_message", "close", "on_message", "on_pong", "on_connection_close",
        "get_websocket_protocol", "protocol", "connect_future", "ping", "on_ping"],
    "WebSocketProtocol": [],
    "WebSocketProtocol13": [
        "accept_connection", "write_message", "write_ping", "close", "on_connection_close",
        "compute_accept_value", "FIN", "RSV1", "RSV2", "RSV3", "RSV_MASK", "OPCODE_MASK",
        "_message_bytes_in", "_message_bytes_out", "_wire_bytes_in", "_wire_bytes_out",
        "is_closing", "set_nodelay"],
    "_PerMessageDeflateCompressor": ["compress"],
    "_PerMessageDeflateDecompressor": ["decompress"],
    "WebSocketError": [],
    "WebSocketClosedError": [],
}
"""The table of section 2: what stands on the classes (what instances have is tested elsewhere)."""

SIGNATURES = {
    "websocket_connect": "url io_loop callback connect_timeout on_message_callback "
                         "compression_options",
    "WebSocketHandler.write_message": "self message binary",
    "WebSocketHandler.ping": "self data",
    "WebSocketHandler.close": "self code reason",
    "WebSocketHandler.select_subprotocol": "self subprotocols",
    "WebSocketHandler.check_origin": "self origin",
    "WebSocketHandler.set_nodelay": "self value",
    "WebSocketHandler.on_message": "self message",
    "WebSocketHandler.on_pong": "self data",
    "WebSocketClientConnection.__init__": "self io_loop request on_message_callback "
                                          "compression_options",
    "WebSocketClientConnection.write_message": "self message binary",
    "WebSocketClientConnection.read_message": "self callback",
    "WebSocketClientConnection.close": "self code reason",
    "WebSocketProtocol13.__init__": "self handler mask_outgoing compression_options",
    "_PerMessageDeflateCompressor.__init__": "self persistent max_wbits",
    "_PerMessageDeflateDecompressor.__init__": "self persistent max_wbits",
}
"""The parameters that come first, in 4.3's order."""


def public_names(module):
    return sorted(name for name in vars(module) if not name.startswith("_"))


def parameters(function):
    getargspec = getattr(inspect, "getfullargspec", None) or inspect.getargspec
    return getargspec(function).args


@pytest.mark.parametrize("name", public_names(stock))
def test_every_public_name_exists(name):
    """C5."""
    assert hasattr(installed, name)


@pytest.mark.parametrize("name", ["WebSocketHandler", "WebSocketClientConnection",
                                  "WebSocketProtocol", "WebSocketProtocol13", "WebSocketError",
                                  "WebSocketClosedError", "websocket_connect",
                                  "_PerMessageDeflateCompressor", "_PerMessageDeflateDecompressor"])
def test_what_does_the_work_is_ours(name):
    """C2, C3: not the least of stock's own code is left in the replacement."""
    value = getattr(installed, name)
    assert value is not getattr(stock, name)
    code = getattr(value, "__code__", None)
    assert "tornado_ws" in (code.co_filename if code else inspect.getmodule(
        next(kind for kind in value.__mro__ if kind.__module__ != "tornado.websocket")).__name__)


def test_star_import():
    """C5: ``from tornado.websocket import *`` gives what it gave."""
    names, = run_fresh("""
        import tornado_ws
        tornado_ws.install()
        names = {}
        exec("from tornado.websocket import *", names)
        print(" ".join(names))
    """)
    assert set(names.split()) >= set(public_names(stock))


@pytest.mark.parametrize("module", [websocket, installed], ids=["import", "installed"])
@pytest.mark.parametrize("class_name", sorted(FACE))
def test_the_names_of_section_2(module, class_name):
    """C1, C5."""
    kind = getattr(module, class_name)
    assert [name for name in FACE[class_name] if not hasattr(kind, name)] == []


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_face_takes_arguments_in_the_order_of_4_3(name):
    """C1: by position and by keyword."""
    value = websocket
    for part in name.split("."):
        value = getattr(value, part)
    expected = SIGNATURES[name].split()
    assert parameters(value)[:len(expected)] == expected


def test_all_names_the_face():
    """C1: ``from tornado_ws.websocket import *``."""
    names = {}
    exec("from tornado_ws.websocket import *", names)
    assert set(FACE) | {"websocket_connect"} <= set(names)


def test_the_stock_signature_is_a_subset():
    """C2: every parameter that the installed Tornado's own function has is taken by ours."""
    known = set(parameters(websocket.websocket_connect))
    assert set(parameters(stock.websocket_connect)) <= known
    known = set(parameters(websocket.WebSocketClientConnection.__init__))
    assert set(parameters(stock.WebSocketClientConnection.__init__)) <= known


@pytest.mark.parametrize("function", ["websocket_connect", "WebSocketClientConnection"])
def test_wrong_arguments_are_type_errors(function):
    """C2: as of any Python function."""
    call = getattr(installed, function)
    many = [None] * 20
    with pytest.raises(TypeError):
        call(*many)
    with pytest.raises(TypeError):
        call("ws://127.0.0.1/", url="ws://127.0.0.1/", request="ws://127.0.0.1/")
    with pytest.raises(TypeError):
        call("ws://127.0.0.1/", nonsense=1)
    with pytest.raises(TypeError):
        call()


def test_the_default_limit_has_stocks_name():
    """Section 11: programs look at it and set it."""
    if hasattr(stock, "_default_max_message_size"):
        assert installed._default_max_message_size == stock._default_max_message_size
    elif tornado.version_info >= (4, 5):
        assert installed._default_max_message_size == 10 * 1024 * 1024


@pytest.mark.skipif(not hasattr(inspect, "signature"), reason="Python 2 has no signatures")
@pytest.mark.parametrize("path", [
    "websocket_connect", "WebSocketClientConnection.__init__", "WebSocketProtocol13.__init__"])
def test_the_installed_names_show_the_stock_signature(path):
    """C2: programs look there for what the installed Tornado takes."""
    find = operator.attrgetter(path)
    assert inspect.signature(find(installed)) == inspect.signature(find(stock))
