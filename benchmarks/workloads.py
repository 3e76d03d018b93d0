"""The table of workloads, and the messages that they send."""
import json
import random
import struct
from dataclasses import dataclass, field
from typing import Optional

KIB = 1024
MIB = 1024 * KIB
BURST = 64 * KIB  # bytes of frames written at once by the pipelined workloads
HEADER = 6  # of a small masked frame
NEEDED = {"deflate", "tls", "handshakes", "idle", "in_process"}  # flags a program has to know
RECORD = 200  # bytes of a small JSON message


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes:
        mode: what the program does with a message; see ``servers/common.py``.
        size: of a message, in bytes.
        cycle: number of different messages; they are sent in turn, again and again.
        burst, depth, copies: messages written at once, bursts under way, answers a message.
        think: what the client waits before each burst, in microseconds.
        flags: of the load generator that the program needs to know or to be able to do too;
            "in_process" is none of the load generator's, for which `servers/in_process.py` stands.
        target, target_picows: at least so many times less CPU than tornado.websocket, and
            at most so many times picows.
    """

    name: str
    about: str
    mode: str = "echo"
    size: int = 32
    cycle: int = 64
    burst: int = 1
    depth: int = 1
    copies: int = 1
    conns: int = 1
    think: int = 0
    flags: tuple = ()
    client: bool = False
    unit: str = "us"
    extra: bool = False
    target: Optional[float] = None
    target_picows: Optional[float] = None
    needs: frozenset = field(init=False)

    def __post_init__(self):
        needs = {self.mode} | (set(self.flags) & NEEDED)
        object.__setattr__(self, "needs", frozenset(needs | ({"client"} if self.client else set())))

    @property
    def kind(self):
        return "text" if "text" in self.flags else "binary"


def pipelined(size):
    """Returns the number of frames in a burst, as both cycle and burst."""
    number = BURST // (size + HEADER + (2 if size > 125 else 0))
    return {"size": size, "cycle": number, "burst": number}


STREAM = dict(pipelined(32), depth=4, flags=("ack",))
JSON = {"size": RECORD, "cycle": 256}

WORKLOADS = [
    Workload("rtt_small", "1 connection, 32 B ping-pong", target=3.0, target_picows=1.10),
    Workload("rtt_async", "the same, coroutine that awaits write_message", mode="echo_async",
             target=4.0),
    Workload("rtt_100", "100 connections, 32 B ping-pong", conns=100, target=3.4,
             target_picows=1.4),
    Workload("rtt_think", "1 connection, 32 B ping-pong, 200 us between answer and next message",
             think=200),
    Workload("rtt_100s", "100 connections, 32 B ping-pong, the load never sleeps", conns=100,
             flags=("spin",)),
    Workload("rtt_text", "1 connection, 32 B text ping-pong", flags=("text",)),
    Workload("pipeline_small", "32 B in bursts of 64 KiB, echoed", **pipelined(32), target=17.0,
             target_picows=0.6),
    Workload("pipeline_async", "the same, coroutine that awaits write_message",
             mode="echo_async", **pipelined(32), target=28.0),
    Workload("pipeline_1k", "1 KiB in bursts of 64 KiB, echoed", **pipelined(KIB), target=13.0,
             target_picows=0.55),
    Workload("large_64k", "64 KiB ping-pong", size=64 * KIB, cycle=4, target=2.6,
             target_picows=1.2),
    Workload("large_1m", "1 MiB ping-pong", size=MIB, cycle=1, target=1.8, target_picows=1.5),
    Workload("large_16m", "16 MiB ping-pong", size=16 * MIB, cycle=1, target=2.5,
             target_picows=1.2),
    Workload("recv_only", "32 B received and counted", mode="count", **STREAM, target=15.0,
             target_picows=1.05),
    Workload("send_only", "32 B sent from a loop, awaited every 100", mode="send", cycle=16,
             copies=5000, target=30.0, target_picows=0.7),
    Workload("deflate_small", "200 B JSON ping-pong, compressed", **JSON,
             flags=("text", "deflate"), target=2.0, target_picows=0.9),
    Workload("deflate_pipe", "200 B JSON in bursts, compressed", **JSON, burst=256,
             flags=("text", "deflate"), target=3.0, target_picows=0.9),
    Workload("deflate_64k", "64 KiB JSON ping-pong, compressed", size=64 * KIB, cycle=4,
             flags=("text", "deflate"), target=1.15),
    Workload("fanout", "one 200 B text to each of 500 clients", mode="fanout", size=RECORD,
             cycle=16, conns=500, flags=("text", "fanout"), target=3.5, target_picows=1.2),
    Workload("fanouts", "the same, the load never sleeps", mode="fanout", size=RECORD, cycle=16,
             conns=500, flags=("text", "fanout", "spin")),
    Workload("fanout_broadcast", "one 200 B text to each of 500 clients, by broadcast",
             mode="fanout_broadcast", size=RECORD, cycle=16, conns=500, flags=("text", "fanout")),
    Workload("fanout_deflate", "one 200 B JSON to each of 500 clients, compressed", mode="fanout",
             size=RECORD, cycle=16, conns=500, flags=("text", "fanout", "deflate")),
    Workload("fanout_broadcast_deflate", "the same, by broadcast", mode="fanout_broadcast",
             size=RECORD, cycle=16, conns=500, flags=("text", "fanout", "deflate")),
    Workload("client_rtt", "client: 32 B ping-pong", client=True, target=4.0,
             target_picows=1.5),
    Workload("client_recv", "client: 32 B received by read_message", mode="count", **STREAM,
             client=True, target=12.0, target_picows=3.0),
    Workload("client_callback", "client: 32 B received by callback", mode="count_callback",
             **STREAM, client=True, target=14.0, target_picows=1.1),
    Workload("handshake", "opening and closing handshake", flags=("handshakes",), target=1.3),
    Workload("tls_rtt", "1 connection, 32 B ping-pong over TLS", flags=("tls",)),
    Workload("idle", "memory of an idle connection", conns=2000, flags=("idle",), unit="kB",
             target=1.0),
    Workload("idle_deflate", "the same, compression agreed", conns=2000,
             flags=("idle", "deflate"), unit="kB"),
]
WORKLOADS += [
    Workload("turn_echo", "in one process: 100 connections, 32 B ping-pong", conns=100,
             flags=("in_process",)),
    Workload("turn_async", "the same, coroutine that awaits write_message", mode="echo_async",
             conns=100, flags=("in_process",)),
    Workload("turn_fanout", "in one process: one 32 B text to each of 100 clients", mode="fanout",
             conns=100, flags=("in_process", "text")),
    Workload("turn_fanout_broadcast", "the same, by broadcast", mode="fanout_broadcast",
             conns=100, flags=("in_process", "text")),
    Workload("turn_client_rtt", "in one process: 100 clients, 32 B ping-pong", conns=100,
             client=True, flags=("in_process",)),
    Workload("turn_client_recv", "in one process: 100 clients, each reads 32 B by read_message",
             mode="count", conns=100, burst=64, client=True, flags=("in_process",)),
]
WORKLOADS += [
    Workload("conns_%d" % n, "%d connections, 32 B ping-pong" % n, conns=n, extra=True)
    for n in (1, 10, 100, 1000, 5000)
]
WORKLOADS += [
    Workload("%s%s_%s" % (mode, "_deflate" if flags else "", name),
             "%d B to each of %d clients%s%s" % (
                 size, conns, ", compressed" if flags else "",
                 ", by broadcast" if "broadcast" in mode else ""),
             mode=mode, size=size, cycle=16, conns=conns,
             flags=("text", "fanout") + flags, extra=True)
    for name, size, conns in (("4000", RECORD, 4000), ("4k", 4 * KIB, 500))
    for flags in ((), ("deflate",)) for mode in ("fanout", "fanout_broadcast")
]
WORKLOADS += [
    Workload("bytes_%d" % (n * KIB), "%d KiB ping-pong" % n, size=n * KIB, cycle=1, extra=True)
    for n in (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
]
WORKLOADS += [
    Workload("tls_64k", "64 KiB ping-pong over TLS", size=64 * KIB, cycle=4, flags=("tls",),
             extra=True),
    Workload("tls_1m", "1 MiB ping-pong over TLS", size=MIB, cycle=1, flags=("tls",), extra=True),
    Workload("send_each", "32 B sent from a loop, each awaited", mode="send_each", cycle=16,
             copies=5000, extra=True),
    Workload("send_turns", "32 B sent from a loop, one in each turn of the event loop",
             mode="send_turns", cycle=16, copies=5000, extra=True),
    Workload("answer_twice", "32 B answered by two messages, one a turn later",
             mode="send_turns", copies=2, extra=True),
    Workload("answer_twice_nagle", "the same without TCP_NODELAY", mode="send_nagle", copies=2,
             extra=True),
]


def record(rng, size):
    """Returns a JSON object as text of about the given size."""
    value = {"id": rng.randrange(10 ** 9), "symbol": rng.choice(["EURUSD", "BTCUSD", "XAUUSD"]),
             "bid": round(rng.uniform(1, 2), 5), "ask": round(rng.uniform(1, 2), 5),
             "time": "2024-05-%02dT12:%02d:00Z" % (rng.randrange(1, 31), rng.randrange(60)),
             "user": "".join(rng.choice("abcdefghijklmnop") for _ in range(12)), "note": ""}
    value["note"] = " ".join(
        rng.choice(["alpha", "limit", "market", "order", "partial", "filled"]) for _ in range(12))
    return json.dumps(value)[:size]


def message(rng, workload):
    """Returns one message as bytes, of exactly the workload's size."""
    if "deflate" in workload.flags:
        text = ""
        while len(text) < workload.size:
            text += record(rng, workload.size - len(text))
        return text.encode("ascii")
    if workload.kind == "text":
        return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(workload.size))
    return rng.getrandbits(8 * workload.size).to_bytes(workload.size, "big")


def write_messages(path, workload):
    """Writes the workload's cycle: each message after its size as 4 bytes."""
    rng = random.Random(1)
    with open(path, "wb") as f:
        for _ in range(workload.cycle):
            data = message(rng, workload)
            f.write(struct.pack(">I", len(data)) + data)
