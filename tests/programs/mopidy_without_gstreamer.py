"""A plugin of pytest for the tests of Mopidy's HTTP server: they run without GStreamer.

Mopidy imports PyGObject and GStreamer, which pip does not install. These tests play nothing.
"""
from __future__ import absolute_import, division, print_function

import sys
from unittest import mock

sys.modules["mopidy.internal.gi"] = mock.MagicMock(name="mopidy.internal.gi")
