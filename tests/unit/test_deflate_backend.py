"""Another module than zlib: what is asked of it when it is set, and what is made of it (C64)."""
from __future__ import absolute_import, division, print_function

import json
import zlib

import pytest
from deflate_engines import (OTHERS, STAND_IN, Hoarder, OtherError, compress_in_four_levels,
                             make_module)

from tornado_ws._connection.backend import current_engine, set_deflate_backend
from tornado_ws._sansio.deflate import (Parameters, PerMessageDeflateCompressor,
                                        PerMessageDeflateDecompressor, create_codecs)
from tornado_ws._sansio.engines import STANDARD, Engine
from tornado_ws._sansio.errors import ProtocolError


@pytest.fixture(autouse=True)
def zlib_again():
    yield
    set_deflate_backend(None)


def test_zlib_by_default_and_again():
    """C64."""
    assert current_engine() is STANDARD
    set_deflate_backend(STAND_IN)
    assert current_engine().decompressobj is Hoarder
    set_deflate_backend(None)
    assert current_engine() is STANDARD
    assert STANDARD.compressobj is zlib.compressobj


@pytest.mark.parametrize("module", [zlib] + [module for _, module in OTHERS],
                         ids=["zlib"] + [name for name, _ in OTHERS])
def test_what_works_is_taken(module):
    """C64."""
    set_deflate_backend(module)
    assert current_engine().compressobj is module.compressobj
    assert current_engine().has_zlib_numbers is (module.__name__ not in (
        "stand_in", "isal.isal_zlib"))


@pytest.mark.parametrize("module, names", [
    (make_module(compressobj=None), "no compressobj$"),
    (make_module(decompressobj=None, Z_SYNC_FLUSH=None), "no decompressobj, Z_SYNC_FLUSH$"),
    (make_module(error="error"), "no error$"),
    (make_module(error=int), "no error$"),
    (make_module(DEFLATED="8"), "no DEFLATED$"),
    (make_module(Z_BEST_COMPRESSION=None), "no Z_BEST_COMPRESSION$"),
    (make_module(Z_DEFAULT_COMPRESSION=None), "no Z_DEFAULT_COMPRESSION$"),
    (json, "json.* no compressobj, decompressobj, error, "),
    ("isal", "'isal' has not .* no compressobj")], ids=lambda value: str(value)[:20])
def test_what_is_missing_is_told(module, names):
    """C64."""
    set_deflate_backend(STAND_IN)
    engine = current_engine()
    with pytest.raises(TypeError, match=names):
        set_deflate_backend(module)
    assert current_engine() is engine


class Wrapped(object):
    """A decompressor of zlib's."""

    def __init__(self, wbits):
        self.context = zlib.decompressobj(wbits)

    def __getattr__(self, name):
        return getattr(self.context, name)


class Limitless(Wrapped):
    unconsumed_tail = b""

    def decompress(self, data, limit=0):
        return self.context.decompress(data)


class Forgetful(Wrapped):
    unconsumed_tail = b""

    def decompress(self, data, limit=0):
        return self.context.decompress(data, limit)[:1000]


class Endless(Wrapped):
    unused_data = b""

    def decompress(self, data, limit=0):
        return self.context.decompress(data, limit)


class Lenient(Wrapped):
    def decompress(self, data, limit=0):
        try:
            return self.context.decompress(data, limit)
        except zlib.error:
            self.unconsumed_tail = b""
            return b""


class Capital(Wrapped):
    def decompress(self, data, limit=0):
        return self.context.decompress(data, limit).upper()


def without_window(level, method, wbits, mem_level):
    return zlib.compressobj(level, method, -15, mem_level)


def with_header(level, method, wbits, mem_level):
    return zlib.compressobj(level, method, -wbits, mem_level)


def with_less(level, method, wbits, mem_level):
    if wbits == -9:
        raise ValueError("9 bits?")
    return zlib.compressobj(level, method, wbits, mem_level)


@pytest.mark.parametrize("changes, text", [
    ({"compressobj": without_window}, "does not compress"),
    ({"compressobj": with_header}, "does not compress"),
    ({"compressobj": with_less}, "does not compress as zlib does: ValueError: 9 bits"),
    ({"Z_SYNC_FLUSH": zlib.Z_FINISH}, "does not compress"),
    ({"Z_BEST_COMPRESSION": 9, "compressobj": compress_in_four_levels}, "does not compress"),
    ({"decompressobj": Capital}, "does not inflate"),
    ({"decompressobj": Limitless}, "does not keep to a length"),
    ({"decompressobj": Forgetful}, "does not inflate"),
    ({"decompressobj": Endless}, "does not end a stream"),
    ({"decompressobj": Lenient}, "does not refuse bad data"),
    ({"error": OtherError}, "does not refuse bad data as zlib does: error: Error -3"),
    ({"decompressobj": lambda: None}, "does not refuse bad data as zlib does: TypeError")],
    ids=lambda value: str(value)[:40])
def test_what_works_otherwise_is_refused(changes, text):
    """C64: it is tried when it is set."""
    with pytest.raises(ValueError, match=text):
        set_deflate_backend(make_module(**changes))
    assert current_engine() is STANDARD


def test_memory_that_runs_out_says_nothing_about_a_module():
    def decompressobj(wbits):
        raise MemoryError

    with pytest.raises(MemoryError):
        set_deflate_backend(make_module(decompressobj=decompressobj))


@pytest.mark.parametrize("level, used", [(-1, 2), (0, 0), (3, 3), (4, 3), (9, 3), (None, 3)])
def test_levels_above_the_highest(level, used):
    """C64: they mean the highest; -1 is the module's own default."""
    options = {} if level is None else {"compression_level": level}
    sender = PerMessageDeflateCompressor(True, 15, options, Engine(STAND_IN))
    sender.compress(b"x")
    assert compress_in_four_levels.levels[-1] == used
    sender.apart(10).compress(b"x")
    assert compress_in_four_levels.levels[-1] == used


def test_both_codecs_use_the_engine_but_for_a_window_of_8_bits():
    """C64: ISA-L looks back farther than 256 bytes when it is given 512."""
    engine = Engine(STAND_IN)
    for bits, count in [(9, 1), (15, 1), (8, 0)]:
        sender, receiver = create_codecs(
            "server", Parameters(False, False, bits, bits), {}, None, engine)
        levels, made = len(compress_in_four_levels.levels), Hoarder.made
        assert receiver.decompress(sender.compress(b"Hello")) == b"Hello"
        assert len(compress_in_four_levels.levels) == levels + count
        assert Hoarder.made == made + count


def test_compressors_of_two_modules_share_nothing():
    """C50, C64: those of one do, also if it was set twice."""
    shapes = [PerMessageDeflateCompressor(True, 15, {"compression_level": 1}, engine).shape
              for engine in (Engine(STAND_IN), Engine(STAND_IN), STANDARD)]
    assert shapes[0] == shapes[1] != shapes[2]


@pytest.mark.parametrize("text", ["Error -2 Invalid deflate symbol found",
                                  "Error -4 Invalid gzip/zlib wrapper found"])
def test_errors_of_other_numbers_are_of_the_data(text):
    """C29, C64: what would be an empty memory with zlib's numbers is the peer's fault here."""
    class Failing(object):
        def decompress(self, data, limit=0):
            raise OtherError(text)

    receiver = PerMessageDeflateDecompressor(True, 15, engine=Engine(STAND_IN))
    receiver._context = Failing()
    with pytest.raises(ProtocolError) as caught:
        receiver.decompress(b"\x00")
    assert caught.value.close_code == 1007
