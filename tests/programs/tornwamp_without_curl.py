"""A plugin of pytest for tornwamp's tests: they run without libcurl.

tornwamp imports ``greenlet_tornado``, which tells Tornado to make its HTTP requests with libcurl.
These tests make none, and what pycurl is built from is not on every machine.
"""
from __future__ import absolute_import, division, print_function

import sys
import types

from tornado.httpclient import AsyncHTTPClient

sys.modules["pycurl"] = types.ModuleType("pycurl")
try:
    import greenlet_tornado  # noqa: F401
finally:
    del sys.modules["pycurl"]
AsyncHTTPClient.configure(None)
