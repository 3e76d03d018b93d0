"""Lets the tests import the programs that the documentation shows."""
from __future__ import absolute_import, division, print_function

import os
import sys

collect_ignore_glob = []
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")

for directory in ("howto/code", "operations/code", "tutorial"):
    sys.path.append(os.path.join(DOCS, directory))
if sys.version_info < (3,):
    collect_ignore_glob.append("*_py3.py")
if "TORNADO_WS_DOCS" not in os.environ:
    # Once, in ``tox -e docs``, and not in every cell.
    collect_ignore_glob.extend([
        "test_docs_browser_py3.py", "test_docs_nginx_py3.py", "test_docs_operations_py3.py",
        "test_docs_pages_py3.py", "test_docs_proxies_py3.py"])
