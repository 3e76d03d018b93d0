"""What this runs on: for ``--version``, and for whoever reports an error."""
from __future__ import absolute_import, division, print_function

import platform

import tornado


def versions():
    """Return which Tornado and which Python there are, as text."""
    return "Tornado %s, %s %s" % (tornado.version, platform.python_implementation(),
                                  platform.python_version())
