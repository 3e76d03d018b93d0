"""Our client and server against others'.

``test_interop_tornado.py`` runs in every cell: the other side is the installed Tornado's own
module. ``test_interop_websockets_py3.py`` needs the library ``websockets``, so it is collected only
where that is installed (see ``tests/conftest.py``), which the tox environment ``interop`` does; its
tests have the marker ``interop``.
"""
from __future__ import absolute_import, division, print_function

import os
import sys

# For the helper modules of the integration tests.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
