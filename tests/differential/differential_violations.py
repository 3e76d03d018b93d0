"""Scenarios of a raw client that breaks the protocol."""
from __future__ import absolute_import, division, print_function

from differential_handshake import echo
from differential_messages import DEFLATE_OFFER, compressing
from differential_peer import BINARY, CONTINUATION, PING, RSV1, TEXT, close_frame, deflate, frame
from differential_run import scenario


def _violation(name, data, **request):
    def function(run):
        methods = {"get_compression_options": compressing} if request else {}
        peer = yield run.open_raw(request=request, **methods)
        peer.send(data)
        yield peer.read_end()
        yield run.wait_for("on_close")
    function.__name__ = "violation_" + name
    function.__doc__ = "C29."
    scenario(function)


_violation("rsv1_without_extension", frame(TEXT, b"x", rsv=0x40))
_violation("rsv2", frame(TEXT, b"x", rsv=0x20))
_violation("rsv3", frame(TEXT, b"x", rsv=0x10))
_violation("reserved_data_opcode", frame(0x3, b"x"))
_violation("reserved_control_opcode", frame(0xB, b"x"))
_violation("fragmented_control", frame(PING, b"x", fin=False))
_violation("long_control", frame(PING, b"x" * 126))
_violation("continuation_without_start", frame(CONTINUATION, b"x"))
_violation("message_inside_message", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"))
_violation("bad_utf8", frame(TEXT, b"\xff\xfe"))
_violation("bad_utf8_in_fragments", frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"x"))
_violation("bad_utf8_in_reason", close_frame(1000, b"\xff"))
_violation("one_byte_close", frame(8, b"\x03"))
_violation("invalid_close_code", close_frame(1005))
_violation("undecodable_deflate", frame(BINARY, b"\xff\xff\xff\xff", rsv=RSV1), **DEFLATE_OFFER)


@scenario
def unmasked_frame_to_the_server(run):
    """C29."""
    peer = yield run.open_raw(on_message=echo)
    peer.send(frame(TEXT, b"bare", mask=None))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def rsv1_on_a_ping(run):
    """C29: control frames are never compressed."""
    peer = yield run.open_raw(request=DEFLATE_OFFER, get_compression_options=compressing)
    peer.send(frame(PING, deflate(b"data"), rsv=RSV1))
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")


@scenario
def non_minimal_length(run):
    """C29."""
    peer = yield run.open_raw(on_message=echo)
    peer.send(b"\x81\xfe\x00\x01\x00\x00\x00\x00x")
    yield peer.read_frame()
    yield peer.finish()
    yield run.wait_for("on_close")
