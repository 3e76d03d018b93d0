"""Scenarios of the ``Origin`` header: who may open a connection."""
from __future__ import absolute_import, division, print_function

from differential_handshake import be_refused, shake
from differential_run import scenario


@scenario
def origin_same(run):
    """C8: the same host and port."""
    run.serve(run.handler_class())
    peer = yield run.connect_raw()
    yield peer.handshake(Origin=("http://127.0.0.1:%d" % run.port).encode("ascii"))
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def origin_upper_case_host(run):
    """C8: both sides of the comparison are lower-cased."""
    run.serve(run.handler_class())
    peer = yield run.connect_raw()
    yield peer.refused_handshake(Host=b"EXAMPLE.com", Origin=b"http://Example.COM")


@scenario
def origin_other_host(run):
    """C6, C8: 403."""
    return be_refused(run, Origin=b"http://example.com")


@scenario
def origin_null(run):
    """C8: 403."""
    return be_refused(run, Origin=b"null")


@scenario
def origin_of_version_8(run):
    """C8: ``Sec-WebSocket-Origin`` counts when there is no ``Origin``."""
    return be_refused(run, Sec_WebSocket_Origin=b"http://example.com")


@scenario
def origin_subdomain(run):
    """C8: a subdomain is another host."""
    return be_refused(run, Host=b"example.com", Origin=b"http://sub.example.com")


@scenario
def check_origin_accepts(run):
    """C8: ``check_origin`` decides, and gets the header's value."""
    def check_origin(handler, origin):
        run.note("check_origin", origin)
        return True
    return shake(run, {"check_origin": check_origin}, Origin=b"http://example.com/x")


@scenario
def check_origin_not_called_without_origin(run):
    """C8: absent means allowed."""
    def check_origin(handler, origin):
        run.note("check_origin", origin)
        return False
    return shake(run, {"check_origin": check_origin})


@scenario
def check_origin_raises(run):
    """An exception before the handshake is an HTTP 500."""
    def check_origin(handler, origin):
        raise ValueError("boom")
    return be_refused(run, {"check_origin": check_origin}, Origin=b"http://example.com")
