"""Ports on which a test starts a server later, or on which nobody listens."""
from __future__ import absolute_import, division, print_function

import atexit
import socket
import sys


def free_port():
    """Return a port of 127.0.0.1 on which nobody listens.

    On Linux it stays this process' own: no other gets it that asks for any port, also as its own
    end of a connection, while a server still can listen on it that says which it wants.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    if sys.platform.startswith("linux"):
        atexit.register(holder.close)
    else:
        holder.close()
    return port
