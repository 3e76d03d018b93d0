"""Modules with zlib's interface: those that are installed, and what stands in for them."""
from __future__ import absolute_import, division, print_function

import importlib
import types
import zlib

_NAMES = ["compressobj", "decompressobj", "error", "DEFLATED", "Z_BEST_COMPRESSION",
          "Z_DEFAULT_COMPRESSION", "Z_SYNC_FLUSH"]


def make_module(**changes):
    """Return a module that has zlib's interface; ``changes`` are other values, None for none."""
    module = types.ModuleType("stand_in")
    for name in _NAMES:
        value = changes.get(name, getattr(zlib, name))
        if name not in changes or value is not None:
            setattr(module, name, value)
    return module


class OtherError(Exception):
    """Not zlib's."""


class Hoarder(object):
    """Inflates as ISA-L does: it takes all data at once, and has errors and numbers of its own."""

    made = 0

    def __init__(self, wbits):
        Hoarder.made += 1
        self._context = zlib.decompressobj(wbits)
        self._kept = b""
        self.unconsumed_tail = b""
        self.unused_data = b""

    def decompress(self, data, limit=0):
        try:
            piece = self._context.decompress(self._kept + data, limit)
        except zlib.error:
            raise OtherError("Error -2 Invalid deflate symbol found")
        self._kept = self._context.unconsumed_tail
        self.unused_data = self._context.unused_data
        return piece


def compress_in_four_levels(level, *args):
    """Refuse other levels than 0 to 3, as ISA-L does."""
    if not 0 <= level <= 3:
        raise ValueError("level %d" % level)
    compress_in_four_levels.levels.append(level)
    return zlib.compressobj(level, *args)


compress_in_four_levels.levels = []

STAND_IN = make_module(compressobj=compress_in_four_levels, decompressobj=Hoarder,
                       error=OtherError, Z_BEST_COMPRESSION=3, Z_DEFAULT_COMPRESSION=2)
"""Differs from zlib as ISA-L does."""


OTHERS = [("stand_in", STAND_IN)]
"""Pairs of a name and a module: the stand-in, and the engines that are installed."""

for _package, _name in [("zlib_ng", "zlib_ng"), ("isal", "isal_zlib")]:
    try:
        OTHERS.append((_name, importlib.import_module("%s.%s" % (_package, _name))))
    except ImportError:
        pass
