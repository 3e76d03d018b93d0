"""The module that `tornado_ws.install` puts in place, for tests that need it in their process.

``installed`` is that module, ``stock`` Tornado's own, which is in its place again.
"""
from __future__ import absolute_import, division, print_function

import warnings

import tornado.websocket as stock

import tornado_ws

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)  # this very module holds a reference
    tornado_ws.install()
    from tornado import websocket as installed
    tornado_ws.uninstall()

__all__ = ["installed", "stock"]
