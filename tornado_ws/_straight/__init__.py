"""The straight path in C, where it was built; one place that chooses.

The extension takes what a short message passes through where nothing unusual is going on. What it
does not take goes, as it came, to the Python methods that are there anyway, so that they are all
that decides. `twins` is what there is without it.

``TORNADO_WS_EXTENSION=0`` in the environment does without it.

In a checkout, where ``python -m`` finds the package before the installed one, the extension that
was installed will do, unless its source has changed since.
"""
from __future__ import absolute_import, division, print_function

import functools
import os
import sys
import zlib

from tornado_ws._straight import twins

VARIABLE = "TORNADO_WS_EXTENSION"
SOURCE = os.path.join(os.path.dirname(__file__), "_extension.c")  # only a checkout has it


def _choose():
    """Return the module that the classes are taken from."""
    if os.environ.get(VARIABLE) == "0":
        return twins
    is_checkout = os.path.exists(SOURCE)
    if is_checkout:
        __path__.extend(os.path.join(entry, *__name__.split(".")) for entry in sys.path)
    try:
        from tornado_ws._straight import _extension
    except ImportError:
        return twins  # it was not built, or is not for this interpreter
    if is_checkout:
        with open(SOURCE, "rb") as file:
            checksum = zlib.crc32(file.read()) & 0xffffffff
        if getattr(_extension, "SOURCE_CRC", 0) & 0xffffffff != checksum:
            return twins
    return _extension


_chosen = _choose()
in_c = _chosen is not twins
Core, Turn, Transport, Delivery, Protocol = (
    _chosen.Core, _chosen.Turn, _chosen.Transport, _chosen.Delivery, _chosen.Protocol)


def before(step):
    """Return a decorator that puts a step in C in front of a method.

    Args:
        step: One of `twins.STEPS`.
    """
    return functools.partial(_chosen.put_before, step)
