"""Write the seed corpus: ``python fuzz/make_corpus.py``. It is the same every time.

Each file is an input of the target whose name its directory has, see ``targets.py``.
"""
import os
import shutil
import zlib

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")
KEY = b"\x37\xfa\x21\x3d"
MAX_SIZE = 2000


def frame(first, payload, key):
    size, bit = len(payload), 0x80 if key else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    if key:
        payload = key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return head + payload


def deflate(data, mode=zlib.Z_SYNC_FLUSH, level=6, wbits=15):
    context = zlib.compressobj(level, zlib.DEFLATED, -wbits)
    compressed = context.compress(data) + context.flush(mode)
    return compressed[:-4] if compressed.endswith(reference.TAIL) else compressed


DEFLATED = {
    "hello": bytes.fromhex("f248cdc9c90700"),
    "hello_again": bytes.fromhex("f200110000"),
    "stored": bytes.fromhex("000500faff48656c6c6f00"),
    "two_blocks": bytes.fromhex("f24805000000ffffcac9c90700"),
    "final": bytes.fromhex("f348cdc9c9070000"),
    "final_twice": bytes.fromhex("f348cdc9c90700f348cdc9c9070000"),
    "empty": b"\0",
    "wrong": b"\x07",
    "wrong_later": bytes.fromhex("f248cdc9c9070007"),
    "bomb": deflate(b"a" * 2000, level=9),
    "long": deflate(bytes(range(256)) * 8),
    "small_window": deflate(b"abc" * 200, wbits=9),
    "not_utf8": deflate(b"a\xff"),
}

TEXTS = {
    "ascii": b"Hello", "two": "\xa2\xdf".encode(), "three": "\u20ac\u0800\uffff".encode(),
    "four": "\U00010000\U0010ffff".encode(), "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf", "too_large": b"\xf4\x90\x80\x80", "cut": b"\xe2\x82",
    "stray": b"a\x80", "mixed": "a\u20acb\U0001d11ec".encode() * 3,
}

# Streams of (first byte, payload).
STREAMS = {
    "text": [(0x81, b"Hello")],
    "binary_126": [(0x82, b"x" * 126)],
    "binary_64k": [(0x82, b"x" * 65536)],  # the first bytes of it
    "empty": [(0x81, b""), (0x82, b"")],
    "fragments": [(0x01, b"Hel"), (0x89, b"ping"), (0x00, b""), (0x80, b"lo")],
    "euro_in_fragments": [(0x01, b"\xe2"), (0x00, b"\x82"), (0x80, b"\xac")],
    "ping_pong": [(0x89, b"p"), (0x8a, b"")],
    "close": [(0x88, b"")],
    "close_reason": [(0x81, b"x"), (0x88, b"\x03\xe8bye"), (0x81, b"late")],
    "close_code_wrong": [(0x88, b"\x03\xed")],
    "close_one_byte": [(0x88, b"\x03")],
    "not_utf8": [(0x81, b"a\xff")],
    "reserved_opcode": [(0x83, b"")],
    "reserved_bit": [(0xa1, b"")],
    "continuation": [(0x80, b"x")],
    "inside": [(0x01, b"x"), (0x01, b"y")],
    "long_ping": [(0x89, b"x" * 126)],
    "over_100": [(0x82, b"x" * 60), (0x02, b"x" * 60), (0x80, b"x" * 60)],
    "deflated": [(0xc1, DEFLATED["hello"]), (0xc1, DEFLATED["hello_again"])],
    "deflated_fragments": [(0x41, b"\xf2\x48"), (0x89, b""), (0x80, DEFLATED["hello"][2:])],
    "deflated_wrong": [(0xc2, DEFLATED["wrong"])],
    "deflated_bomb": [(0xc2, DEFLATED["bomb"])],
    "deflated_final": [(0xc1, DEFLATED["final"]), (0xc1, DEFLATED["hello"])],
    "deflated_not_utf8": [(0xc1, DEFLATED["not_utf8"])],
    "many": [(0x81, b"x")] * 300,
}

DEFLATE = "permessage-deflate"
REQUEST = """Host: example.com
Upgrade: websocket
Connection: keep-alive, Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13
"""
REQUESTS = {
    "plain": "", "origin": "Origin: http://example.com:80\n", "null": "Origin: null",
    "old_origin": "Sec-WebSocket-Origin: https://[::1]:8443/path",
    "subprotocols": "Sec-WebSocket-Protocol: chat, superchat\nSec-WebSocket-Protocol: v1",
    "deflate": "Sec-WebSocket-Extensions: %s; client_max_window_bits" % DEFLATE,
    "all": "Sec-WebSocket-Extensions: x, %s; server_max_window_bits=9; client_max_window_bits=8;"
           " server_no_context_takeover; client_no_context_takeover, %s" % (DEFLATE, DEFLATE),
    "quoted": 'Sec-WebSocket-Extensions: %s; server_max_window_bits="1\\0"' % DEFLATE,
    "twice": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}
RESPONSE = """Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
"""
RESPONSES = {
    "plain": "", "subprotocol": "Sec-WebSocket-Protocol: chat",
    "deflate": "Sec-WebSocket-Extensions: %s" % DEFLATE,
    "all": "Sec-WebSocket-Extensions: %s; server_max_window_bits=9; client_max_window_bits=8;"
           " server_no_context_takeover; client_no_context_takeover" % DEFLATE,
    "twice": "Sec-WebSocket-Extensions: %s, %s" % (DEFLATE, DEFLATE),
    "unknown": "Sec-WebSocket-Extensions: x-foo",
}
EXTENSIONS = {
    "none": "", "gaps": " , ,\t", "two": "a, b;c=d;e",
    "deflate": DEFLATE + "; client_max_window_bits",
    "bits": DEFLATE + "; client_max_window_bits=8; server_max_window_bits=15",
    "fallback": DEFLATE + "; server_max_window_bits=7, " + DEFLATE,
    "flags": DEFLATE + ";server_no_context_takeover ; client_no_context_takeover",
    "repeated": DEFLATE + "; client_max_window_bits; client_max_window_bits",
    "quoted": 'a; b="c"; d="e\\f"', "quoted_wrong": 'a; b="c d"', "open_quote": 'a; b="c',
    "semicolons": "a;;b", "no_name": "=1", "value_missing": "a; b=",
}


def inputs():
    """Yield target, name and input."""
    for name, frames in STREAMS.items():
        for options in (0x00, 0x08) if not name.startswith("deflated") else (0xe3, 0xe9, 0x21):
            for target, key in (("connection_server", KEY), ("connection_client", None)):
                stream = b"".join(frame(first, payload, key) for first, payload in frames)
                yield (target, "%s_%02x" % (name, options),
                       bytes([options, len(name)]) + stream[:MAX_SIZE])
    for number, (name, more) in enumerate(REQUESTS.items()):
        yield "handshake_server", name, bytes([number]) + (REQUEST + more).encode()
    for number, (name, more) in enumerate(RESPONSES.items()):
        yield "handshake_client", name, bytes([number + 8]) + (RESPONSE + more).encode()
    for number, (name, value) in enumerate(EXTENSIONS.items()):
        yield "extensions", name, bytes([number]) + value.encode()
    for name, data in DEFLATED.items():
        yield "inflate", name, b"\xe1\x03" + data
        yield "inflate", name + "_limited", b"\xe4\x00" + data
    yield "inflate", "four", b"\xf1\x07" + DEFLATED["hello"] * 4
    for name, data in TEXTS.items():
        yield "text", name, bytes([len(name)]) + data


def stored():
    """Yield the same of what is in the directory."""
    for target in os.listdir(CORPUS):
        for name in os.listdir(os.path.join(CORPUS, target)):
            with open(os.path.join(CORPUS, target, name), "rb") as file:
                yield target, name, file.read()


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    size = 0
    for target, name, data in inputs():
        directory = os.path.join(CORPUS, target)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
        size += len(data)
    print("%d bytes in %s" % (size, CORPUS))


if __name__ == "__main__":
    main()
