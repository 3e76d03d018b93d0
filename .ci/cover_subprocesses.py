"""Lets Python processes that tests start measure their coverage, in the environment it runs in.

They do so where ``COVERAGE_PROCESS_START`` is set, which ``tests/conftest.py`` does.
"""
from __future__ import absolute_import, division, print_function

import os

import coverage

SITE_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(coverage.__file__)))

with open(os.path.join(SITE_PACKAGES, "cover_subprocesses.pth"), "w") as pth:
    pth.write("import coverage; coverage.process_startup()\n")
