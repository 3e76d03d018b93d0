"""How Sphinx builds these pages; ``tox -e docs`` does it."""
import os
import re

from sphinx.ext.napoleon import Config, GoogleDocstring

import tornado_ws

project = "tornado_ws"
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "setup.py")) as file:
    author = re.search('^AUTHOR = "(.*)"$', file.read(), re.M).group(1)
project_copyright = author
release = version = tornado_ws.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["_build", "locale"]

# `Names` in single backquotes are those of the module, on every page.
default_role = "py:obj"
rst_prolog = """
.. currentmodule:: tornado_ws.websocket
"""
add_module_names = False
autodoc_member_order = "bysource"
doctest_global_setup = """
from tornado.ioloop import IOLoop
import tornado_ws
from tornado_ws import websocket
"""

# What is documented elsewhere. There are no links to it, so that a build needs no network.
nitpick_ignore = [("py:exc", name) for name in (
    "HTTPError", "StreamBufferFullError", "HandshakeError")]
# What only the package's own modules use is described in its docstrings.
nitpick_ignore += [("py:obj", name) for name in (
    "Delivery", "Stats", "_compat.contexts.request_context")]
nitpick_ignore_regex = [("py:.*", r"tornado\.(?!websocket_ws).*")]

html_theme = "furo"
html_title = "tornado_ws %s" % release
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sphinx = False

locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False
gettext_uuid = False


class Docstring(GoogleDocstring):
    """Our docstrings: one entry may be for several names, and results are told in prose."""

    def _consume_fields(self, *args, **kwargs):
        return [(name, kind, text) for names, kind, text in super()._consume_fields(*args, **kwargs)
                for name in names.split(", ")]

    def _consume_returns_section(self, preprocess_types=False):
        lines = self._dedent(self._consume_to_next_section())
        return [("", "", lines)]


def read_docstring(app, what, name, obj, options, lines):
    """Turns the sections of a docstring into fields; those of properties have none."""
    if what not in ("attribute", "property"):
        config = Config(napoleon_use_ivar=True)
        lines[:] = Docstring(lines, config, app, what, name, obj, options).lines()


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", read_docstring)
