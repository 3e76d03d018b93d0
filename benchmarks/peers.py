"""The table of implementations."""
import subprocess
import sys
from dataclasses import dataclass, replace

ECHO = frozenset({"echo", "tls"})
BASIC = ECHO | {"count", "send", "fanout", "client", "handshakes", "idle"}
COMPRESSED = BASIC | {"deflate"}
ALL = COMPRESSED | {"echo_async", "count_callback"}
OURS = "tornado_ws"
STOCK = "tornado"
PICOWS = "picows"


@dataclass(frozen=True)
class Peer:
    """One implementation: ``can`` holds what its program in ``servers/`` understands."""

    name: str
    program: str
    module: str
    can: frozenset
    python: str = sys.executable
    baseline: str = STOCK


PEERS = [
    Peer("asyncio", "asyncio_program.py", "asyncio", ECHO),
    Peer("iostream", "iostream_program.py", "tornado.iostream", ECHO),
    Peer(STOCK, "tornado_program.py", "tornado.websocket", ALL),
    Peer(OURS, "tornado_program.py", "tornado_ws.websocket", ALL),
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
