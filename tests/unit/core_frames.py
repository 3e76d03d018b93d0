"""Frames and what becomes of them, for the tests of the core; written independently of it.

Bytes are given in hex as RFC 6455 writes them: ``raw("81 05 48656c6c6f")``.
"""
from __future__ import absolute_import, division, print_function

from frame_oracle import frame

from tornado_ws._sansio.connection import PROTOCOL_ERROR, Connection
from tornado_ws._sansio.deflate import Parameters, create_codecs

MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 section 5.7
OUR_KEY = b"\x01\x23\x45\x67"
ROLES = ("server", "client")
ALL_15 = Parameters(False, False, 15, 15)


def frame_for(role, first, payload=b""):
    """Build a frame that this role receives: masked for a server, unmasked for a client."""
    return frame(first, payload, MASK if role == "server" else None)


def connect(role, max_message_size=None, deflate=None, options=None):
    """Make one end of a connection.

    ``deflate`` is what was agreed (`ALL_15` as a rule), ``options`` are this end's own.
    """
    connection = Connection(role == "client", max_message_size,
                            urandom=lambda n: OUR_KEY * (n // 4))
    if deflate is not None:
        options = options or {}
        codecs = create_codecs(role, deflate, options, None)
        connection.enable_deflate(*codecs, min_size=options.get("min_size", 0))
    return connection


def receive(connection, data):
    """Give a connection bytes and return the events, also those of the backlog."""
    events = connection.receive_data(data)
    while connection.backlog:
        events += connection.receive_data(b"")
    return events


def receive_parts(connection, parts):
    return [event for part in parts for event in receive(connection, part)]


def byte_by_byte(data):
    return [data[i:i + 1] for i in range(len(data))]


def close_code_of(events):
    """Return the close code of the error that ends the events; there has to be one."""
    opcode, error = events[-1]
    assert opcode == PROTOCOL_ERROR
    return error.close_code
