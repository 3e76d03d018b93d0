"""WebSockets for Tornado applications: Tornado 4.3's ``tornado.websocket``, on every Tornado.

``from tornado_ws import websocket`` gives the module itself; `install` puts it in the place of
``tornado.websocket`` for programs that import that. Importing this package imports no Tornado.
"""
from __future__ import absolute_import, division, print_function

__version__ = "1.0.0.dev0"
__all__ = ["install", "uninstall"]


def install():
    """Replace ``tornado.websocket`` by this package's implementation.

    The replacement has the signatures and semantics of the installed Tornado's own module. Call
    it before anything imports ``tornado.websocket``: what was imported earlier keeps the old
    classes. A second call changes nothing.

    Warns:
        RuntimeWarning: Modules that imported ``tornado.websocket`` earlier hold references into
            the old one; the warning names them.
    """
    from tornado_ws import _install
    _install.install()


def uninstall():
    """Put Tornado's own ``tornado.websocket`` back; without an `install` do nothing."""
    from tornado_ws import _install
    _install.uninstall()
