"""What the programs under test have in common: their command line and the listening socket.

Runs on Python 2.7 and 3.
"""
from __future__ import absolute_import, division, print_function

import argparse
import importlib
import signal
import socket
import ssl
import sys

LIFETIME = 900  # seconds after which a forgotten program ends
BACKLOG = 1024
MAX_MESSAGE = 1 << 27  # bytes; above the largest message of any workload
DRAIN_EVERY = 100  # messages sent from a loop between two waits for flow control


def arguments():
    """Returns the parsed command line.

    ``mode`` is what to do with a message: ``echo`` and ``echo_async`` send it back, ``count``
    answers every ``--every`` messages with the number received so far, ``send`` sends it
    ``--copies`` times (``send_each`` awaits each of them, ``send_turns`` sends one in each turn
    of the event loop, ``send_nagle`` does so without TCP_NODELAY), ``fanout`` sends it to all
    connections (``fanout_broadcast`` by ``broadcast``). With ``--client URL`` the program
    connects to URL and does this there (``count_callback``: by a message callback).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("--module", help="the module that provides the API")
    parser.add_argument("--client", metavar="URL")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--loop", help="the module whose event loop is used; asyncio's if absent")
    parser.add_argument("--tls", metavar="PEM", help="certificate and key")
    parser.add_argument("--in-process", metavar="MESSAGES", help="drive itself with these")
    parser.add_argument("--conns", type=int, default=1, help="how many it then has")
    parser.add_argument("--text", action="store_true", help="whether they are texts")
    signal.alarm(LIFETIME)
    return parser.parse_args()


def use_loop(name):
    """Makes the event loop of a module, uvloop, the one that this program gets."""
    if name is not None:
        asyncio = importlib.import_module("asyncio")  # which Python 2 lacks
        asyncio.new_event_loop = importlib.import_module(name).new_event_loop  # IOLoops ask it


def bind():
    """Opens a socket on a free port of 127.0.0.1."""
    # the protocol is named because asyncio sets TCP_NODELAY only on sockets that name it
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    sock.listen(BACKLOG)
    return sock


def listen():
    """Does so and prints the port."""
    sock = bind()
    print(sock.getsockname()[1])
    sys.stdout.flush()
    return sock


def tls_context(pem):
    """Returns the server's TLS context, or None without a certificate."""
    if pem is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context
