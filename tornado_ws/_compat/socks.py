"""SOCKS proxies, by the package ``python-socks``, which speaks asyncio and nothing else."""
from __future__ import absolute_import, division, print_function

import sys

import tornado

_FOR_EVER = 365 * 24 * 3600  # seconds: the time limit is somebody else's
_PASSING = (1, 3, 4, 5, 6)   # RFC 1928 section 6: failure, unreachable, refused, TTL expired
_REJECTED = 91               # of SOCKS 4, which does not say why

if tornado.version_info < (5,) or sys.version_info < (3, 8):
    # Tornado < 5.0, or Python < 3.8: a loop that is not asyncio's, or a package that is too old.
    def check():
        """Check that there is what SOCKS needs.

        Raises:
            NotImplementedError: It needs a newer Python or Tornado.
            ImportError: It needs a package.
        """
        raise NotImplementedError("a SOCKS proxy needs Python 3.8 and Tornado 5 or newer")
else:
    # Tornado >= 5.0 on Python >= 3.8.
    def check():
        """Check that there is what SOCKS needs.

        Raises:
            NotImplementedError: It needs a newer Python or Tornado.
            ImportError: It needs a package.
        """
        try:
            import python_socks.async_.asyncio  # noqa: F401
        except ImportError as error:
            raise ImportError("a SOCKS proxy needs python-socks: pip install tornado_ws[socks]"
                              " (%s)" % error)


def connect(proxy, host, port):
    """Connect to a server through a SOCKS proxy.

    Args:
        proxy: Has ``scheme`` (``socks4`` or ``socks5``), ``host``, ``port``, ``username`` and
            ``password``: str or None.
        host: A name for the proxy to resolve, or an address.
        port: An int.

    Returns:
        A Task of the connected socket. What it fails with is for `failure`.
    """
    import asyncio

    from python_socks import ProxyType
    from python_socks.async_.asyncio import Proxy
    connecting = Proxy(ProxyType[proxy.scheme.upper()], proxy.host, proxy.port, proxy.username,
                       proxy.password, rdns=True).connect(host, port, timeout=_FOR_EVER)
    return asyncio.ensure_future(connecting)


def failure(error):
    """Tell what a Task of `connect` failed with.

    Args:
        error: Its exception.

    Returns:
        ``(error, refused)``: an ``IOError``, or else None and the text of a refusal that another
        attempt would not change.
    """
    from python_socks import ProxyError
    if isinstance(error, EnvironmentError):
        return error, None
    code, lost = None, False
    if isinstance(error, ProxyError):
        code = error.error_code
        cause = error.__cause__ or error.__context__
        lost = not hasattr(cause, "error_code")  # which is that of a reply
    if lost or code in _PASSING or code == _REJECTED:
        return IOError("the SOCKS proxy cannot connect: %s" % error), None
    return None, "refused by the SOCKS proxy: %s" % error
