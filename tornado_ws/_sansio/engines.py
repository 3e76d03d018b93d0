"""What the codecs of permessage-deflate need of zlib, or of a module with its interface."""
from __future__ import absolute_import, division, print_function

import zlib

SMALLEST_WINDOW = 9
"""What an engine is asked for at least, in bits; zlib itself has none below."""

_NO_DATA = b"\xff"  # a block of a type that is none
_DATA_ERROR = "Error -3 "  # how zlib's own text for it begins: Z_DATA_ERROR


class Engine(object):
    """A module that compresses.

    Args:
        module: One with zlib's interface.

    Attributes:
        compressobj, decompressobj, error, sync_flush: The module's own.
        has_zlib_numbers: Whether the texts of its errors begin with zlib's numbers. With those of
            ISA-L, -2 and -4 are the fault of the data.
    """

    def __init__(self, module):
        self.compressobj = module.compressobj
        self.decompressobj = module.decompressobj
        self.error = module.error
        self.sync_flush = module.Z_SYNC_FLUSH
        self._method = module.DEFLATED
        self._best = module.Z_BEST_COMPRESSION
        self._default = module.Z_DEFAULT_COMPRESSION
        self.has_zlib_numbers = False
        try:
            self.decompressobj(-15).decompress(_NO_DATA)
        except self.error as error:
            self.has_zlib_numbers = str(error).startswith(_DATA_ERROR)

    def deflate_args(self, level, window_bits, mem_level):
        """Return the arguments of ``compressobj``, for deflate data without a header.

        Args:
            level: From 0; one above the engine's highest means the highest. -1 means the engine's
                own default.
            window_bits: `SMALLEST_WINDOW` to 15.
            mem_level: 1 to 9.
        """
        level = self._default if level < 0 else min(level, self._best)
        return level, self._method, -window_bits, mem_level


STANDARD = Engine(zlib)
