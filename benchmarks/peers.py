"""The table of implementations."""
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Optional

ECHO = frozenset({"echo", "tls"})
BASIC = ECHO | {"count", "send", "fanout", "client", "handshakes", "idle"}
COMPRESSED = BASIC | {"deflate"}
ALL = COMPRESSED | {"echo_async", "count_callback", "send_each", "send_turns", "send_nagle"}
OURS = "tornado_ws"
STOCK = "tornado"
PICOWS = "picows"


@dataclass(frozen=True)
class Peer:
    """One implementation.

    Attributes:
        program, module: Its program in ``servers/``, and what that imports.
        can: What the program understands.
        python: The interpreter.
        baseline: The name of the implementation that it is compared with.
        loop: The module whose event loop it runs on, or None for asyncio's.
    """

    name: str
    program: str
    module: str
    can: frozenset
    python: str = sys.executable
    baseline: str = STOCK
    loop: Optional[str] = None


PEERS = [
    Peer("asyncio", "asyncio_program.py", "asyncio", ECHO),
    Peer("iostream", "iostream_program.py", "tornado.iostream", ECHO),
    Peer(STOCK, "tornado_program.py", "tornado.websocket", ALL),
    Peer(OURS, "tornado_program.py", "tornado_ws.websocket", ALL),
    Peer(OURS + ".uvloop", "tornado_program.py", "tornado_ws.websocket", ALL, loop="uvloop"),
    Peer("websockets", "websockets_program.py", "websockets", COMPRESSED),
    Peer("aiohttp", "aiohttp_program.py", "aiohttp", COMPRESSED),
    Peer(PICOWS, "picows_program.py", "picows", BASIC | {"count_callback"}),
    Peer("picows.websockets", "websockets_program.py", "picows.websockets", COMPRESSED),
]


def of_interpreter(python):
    """Returns tornado and tornado_ws as another interpreter has them."""
    version = subprocess.check_output(
        [python, "-c", "import sys, tornado; print('%d.%d-%s' % (sys.version_info[:2]"
                       " + (tornado.version,)))"], text=True).strip()
    baseline = "%s@%s" % (STOCK, version)
    return [replace(p, name="%s@%s" % (p.name, version), python=python, baseline=baseline)
            for p in PEERS if p.name in (STOCK, OURS)]
