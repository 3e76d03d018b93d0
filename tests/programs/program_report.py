"""A plugin of pytest: what a program's tests made of ``tornado.websocket`` in this process.

It is loaded with ``-p program_report`` in the run with Tornado's own module and in the one with
``tornado_ws``; it installs nothing itself. At the end it writes as JSON, to the file that the
environment variable ``PROGRAM_REPORT`` names:

* ``protocol``: the file that holds the code of ``WebSocketProtocol13``,
* ``server``, ``client``: how many connections of each role had such a protocol,
* ``handlers``: for each class of handlers that had a connection the files of its methods
  ``write_message`` in the order in which Python looks for them,
* ``versions``: Python and Tornado.
"""
from __future__ import absolute_import, division, print_function

import functools
import io
import json
import os
import sys

import tornado
import tornado.websocket

report = {"server": 0, "client": 0, "handlers": {}, "versions": [
    "%d.%d.%d" % sys.version_info[:3], tornado.version]}


def code_file(function):
    """Return the file that a function or a method of Python 2 is written in."""
    return os.path.realpath(getattr(function, "__func__", function).__code__.co_filename)


def count(protocol):
    """Wrap the constructor of a protocol's class: each call is a connection."""
    construct = protocol.__init__
    report["protocol"] = code_file(construct)

    @functools.wraps(construct)
    def counting(self, handler, *args, **kwargs):
        construct(self, handler, *args, **kwargs)
        if self.mask_outgoing:
            report["client"] += 1
            return
        report["server"] += 1
        name = type(handler).__module__ + "." + type(handler).__name__
        report["handlers"][name] = [
            code_file(base.__dict__["write_message"]) for base in type(handler).__mro__
            if "write_message" in base.__dict__]

    protocol.__init__ = counting


def pytest_unconfigure():
    """Write the report when pytest has ended."""
    with io.open(os.environ["PROGRAM_REPORT"], "wb") as out:
        out.write(json.dumps(report).encode("ascii"))


count(tornado.websocket.WebSocketProtocol13)
