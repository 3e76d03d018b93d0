"""The table of implementations."""
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

ECHO = frozenset({"echo", "tls"})
ASGI = frozenset({"echo", "count", "send", "fanout", "handshakes", "idle"})
BASIC = ECHO | {"count", "send", "fanout", "client", "handshakes", "idle"}
COMPRESSED = BASIC | {"deflate"}
ALL = COMPRESSED | {"echo_async", "count_callback", "send_each", "send_turns", "send_nagle",
                    "in_process"}
OWN = ALL | {"fanout_broadcast"}  # which Tornado's module does not have
CHECKOUT = Path(__file__).resolve().parent.parent
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
        ours: The name of what this checkout is there.
        path: Where tornado_ws is imported from.
        loop: The module whose event loop it runs on, or None for asyncio's.
        extension: The value of ``TORNADO_WS_EXTENSION``, or None.
    """

    name: str
    program: str
    module: str
    can: frozenset
    python: str = sys.executable
    baseline: str = STOCK
    ours: str = OURS
    path: Path = CHECKOUT
    loop: Optional[str] = None
    extension: Optional[str] = None


PEERS = [
    Peer("asyncio", "asyncio_program.py", "asyncio", ECHO),
    Peer("iostream", "iostream_program.py", "tornado.iostream", ECHO),
    Peer(STOCK, "tornado_program.py", "tornado.websocket", ALL),
    Peer(OURS, "tornado_program.py", "tornado_ws.websocket", OWN),
    Peer(OURS + ".python", "tornado_program.py", "tornado_ws.websocket", OWN, extension="0"),
    Peer(OURS + ".uvloop", "tornado_program.py", "tornado_ws.websocket", OWN, loop="uvloop"),
    Peer("websockets", "websockets_program.py", "websockets", COMPRESSED),
    Peer("aiohttp", "aiohttp_program.py", "aiohttp", COMPRESSED),
    Peer(PICOWS, "picows_program.py", "picows", BASIC | {"count_callback", "in_process"}),
    Peer("picows.websockets", "websockets_program.py", "picows.websockets", COMPRESSED),
    Peer("uvicorn", "asgi_program.py", "uvicorn", ASGI | {"deflate"}),
    Peer("granian", "asgi_program.py", "granian", ASGI),
]


def of_interpreter(python):
    """Returns tornado and tornado_ws as another interpreter has them."""
    version = subprocess.check_output(
        [python, "-c", "import sys, tornado; print('%d.%d-%s' % (sys.version_info[:2]"
                       " + (tornado.version,)))"], text=True).strip()
    baseline = "%s@%s" % (STOCK, version)
    return [replace(p, name="%s@%s" % (p.name, version), python=python, baseline=baseline,
                    ours="%s@%s" % (OURS, version))
            for p in PEERS if p.name in (STOCK, OURS)]


def of_checkout(path):
    """Returns tornado_ws as another checkout has it, named after its directory."""
    [ours] = [p for p in PEERS if p.name == OURS]
    path = Path(path).resolve()
    return replace(ours, name="%s@%s" % (OURS, path.name), path=path)
