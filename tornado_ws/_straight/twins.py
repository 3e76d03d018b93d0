"""The fields that a short message touches, in Python: what there is where the extension is not.

Each class is the base of the one that uses its fields, and says what they are for. In C their
types are checked, and a step in C may stand in front of a method: `before`.
"""
from __future__ import absolute_import, division, print_function

STEPS = ("mask_bytes", "receive_message", "take_straight", "send_message", "write",
         "write_quietly", "receive_bytes", "receive", "write_message", "write_frame")


class Core(object):
    """The fields of `_sansio.straight.StraightPath` that a short message touches."""

    __slots__ = (
        "wire_bytes_in", "wire_bytes_out", "message_bytes_in", "message_bytes_out",
        "messages_in", "messages_out",
        "_is_client",   # a bool
        "_mask",        # masks and unmasks
        "_limit",       # the longest payload of a frame here, in bytes
        "_single",      # the frames that may come alone, a dict; empty unless between two
        "_keys",        # masking keys at hand, a list; None for a server
        "_next_key",    # where more come from
        "_compressor",  # None without permessage-deflate
    )


class Turn(object):
    """The fields of `_stream.turn.Turn`."""

    __slots__ = (
        "number", "make_future", "make_written",
        "_ends",        # whether the end of the turn is waited for, a bool
    )


class Transport(object):
    """The fields of `_stream.transport.Transport` that reading and writing touch."""

    __slots__ = (
        "stream", "io_loop", "paused", "batching", "last", "gathered", "wrote", "read_size",
        "_on_data",
        "_plain",        # the socket, where recv and send need no more than its descriptor
        "_turn",         # the `Turn`
        "_turn_number",  # of the last turn in which a write was sent at once
        "_gathering",    # what ``gathered`` belongs to
        "_written",      # the one Future of what a batch has gathered
        "_sent",         # the one of what batches have sent at once
        "_in_turn",      # whether the end of the turn is waited for, a bool
        "_unsent",       # bytes that were written here and that the stream has not taken
        "_write_future",  # of the write under way
    )


class Delivery(object):
    """The fields of `_connection.delivery.Delivery` that a message touches."""

    __slots__ = (
        "transport", "held", "attention",
        "_core",
        "_callbacks",
        "_handler",
        "_hold",         # whether messages go to the queue, a bool
    )


class Protocol(object):
    """The fields of `_connection.protocol.WebSocketProtocol13` that sending touches."""

    __slots__ = (
        "server_terminated", "client_terminated",
        "thread",        # what tells which thread is the loop's
        "_core",
        "_transport",
    )


def put_before(step, function):
    """Put the step of a name in front of a method: without the extension there is none.

    Args:
        step: One of `STEPS`.
        function: The method.

    Returns:
        What takes the method's place in its class.
    """
    return function
