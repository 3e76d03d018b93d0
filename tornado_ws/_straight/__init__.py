"""The straight path in C, where it was built; one place that chooses.

The extension takes what a short message passes through where nothing unusual is going on. What it
does not take goes, as it came, to the Python methods that are there anyway, so that they are all
that decides. `twins` is what there is without it.

``TORNADO_WS_EXTENSION=0`` in the environment does without it.
"""
from __future__ import absolute_import, division, print_function

import functools
import os

from tornado_ws._straight import twins

VARIABLE = "TORNADO_WS_EXTENSION"

in_c = False
if os.environ.get(VARIABLE) != "0":
    try:
        from tornado_ws._straight import _extension
        in_c = True
    except ImportError:
        pass  # it was not built, or is not for this interpreter

_chosen = _extension if in_c else twins
Core, Turn, Transport, Delivery, Protocol = (
    _chosen.Core, _chosen.Turn, _chosen.Transport, _chosen.Delivery, _chosen.Protocol)


def before(step):
    """Return a decorator that puts a step in C in front of a method.

    Args:
        step: One of `twins.STEPS`.
    """
    return functools.partial(_chosen.put_before, step)
