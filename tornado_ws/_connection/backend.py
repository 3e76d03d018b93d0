"""Which module compresses: the standard zlib, or what the application has set."""
from __future__ import absolute_import, division, print_function

import numbers

from tornado_ws._sansio.deflate import PerMessageDeflateCompressor, PerMessageDeflateDecompressor
from tornado_ws._sansio.engines import SMALLEST_WINDOW, STANDARD, Engine
from tornado_ws._sansio.errors import ProtocolError

_engine = STANDARD

_FINAL_HELLO = b"\xf3\x48\xcd\xc9\xc9\x07\x00"  # RFC 7692 section 7.2.3.4
_LONG = 200000  # bytes: more than the decompressor asks for at a time


def set_deflate_backend(module):
    """Let another module than the standard zlib compress and inflate.

    For connections that are opened from then on, of both roles; the others keep theirs. The module
    is tried first, which takes some milliseconds. Where a window of 256 bytes (8 bits) was
    negotiated, the standard zlib works all the same. A ``compression_level`` above the module's
    highest means its highest, and -1 its own default.

    Args:
        module: A module with zlib's interface, such as ``zlib_ng.zlib_ng`` or ``isal.isal_zlib``.
            None for the standard zlib.

    Raises:
        TypeError: It lacks something of the interface; the text names all that is missing.
        ValueError: It has everything, but does not do what zlib does; the text says what.
    """
    global _engine
    _engine = STANDARD if module is None else _check(module)


def current_engine():
    """Return the `Engine` for a connection that is opened now."""
    return _engine


def _is_int(value):
    return isinstance(value, numbers.Integral)


def _is_exception(value):
    return isinstance(value, type) and issubclass(value, Exception)


_INTERFACE = [
    ("compressobj", callable), ("decompressobj", callable), ("error", _is_exception),
    ("DEFLATED", _is_int), ("Z_BEST_COMPRESSION", _is_int), ("Z_DEFAULT_COMPRESSION", _is_int),
    ("Z_SYNC_FLUSH", _is_int)]


def _check(module):
    missing = [name for name, fits in _INTERFACE if not fits(getattr(module, name, None))]
    if missing:
        raise TypeError("%r has not the interface of zlib: no %s" % (module, ", ".join(missing)))
    what = "refuse bad data"
    try:
        engine = Engine(module)
        for what, check in _CHECKS:
            if not check(engine):
                raise ValueError("the result is another")
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError("%r does not %s as zlib does: %s: %s"
                         % (module, what, type(error).__name__, error))
    return engine


def _messages():
    text = b",".join(b'{"id": %d, "square": %d}' % (n, n * n) for n in range(60))
    return [text, b"x", text, b"x" * 3000, text]


def _deflates(engine):
    for bits in range(SMALLEST_WINDOW, 16):
        for level in (-1, 0, 1, 9):
            sender = PerMessageDeflateCompressor(True, bits, {"compression_level": level}, engine)
            receiver = PerMessageDeflateDecompressor(True, bits)
            for message in _messages():
                if receiver.decompress(sender.compress(message)) != message:
                    return False
    return True


def _inflates(engine):
    for bits in range(SMALLEST_WINDOW, 16):
        sender = PerMessageDeflateCompressor(True, bits)
        receiver = PerMessageDeflateDecompressor(True, bits, engine=engine)
        for message in _messages():
            if receiver.decompress(sender.compress(message)) != message:
                return False
    return True


def _close_code(receiver, payload, max_length):
    try:
        receiver.feed(payload, True, max_length)
    except ProtocolError as error:
        return error.close_code
    return None


def _keeps_the_limit(engine):
    payload = PerMessageDeflateCompressor(False, 15).compress(b"x" * _LONG)
    receiver = PerMessageDeflateDecompressor(False, 15, engine=engine)
    return (len(engine.decompressobj(-15).decompress(payload, 1000)) <= 1000
            and receiver.feed(payload, True, _LONG) == b"x" * _LONG
            and _close_code(receiver, payload, _LONG - 1) == 1009)


def _ends_streams(engine):
    receiver = PerMessageDeflateDecompressor(True, 15, engine=engine)
    return receiver.decompress(_FINAL_HELLO * 2 + b"\x00") == b"HelloHello"


def _refuses(engine):
    receiver = PerMessageDeflateDecompressor(True, 15, engine=engine)
    return _close_code(receiver, b"\xff" * 10, None) == 1007


_CHECKS = [
    ("compress", _deflates), ("inflate", _inflates), ("keep to a length", _keeps_the_limit),
    ("end a stream", _ends_streams), ("refuse bad data", _refuses)]
