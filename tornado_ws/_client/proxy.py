"""Which proxy a connection goes through."""
from __future__ import absolute_import, division, print_function

import collections
import os
import re
import socket

from tornado.escape import to_unicode

from tornado_ws._client.url import check_url, split_credentials
from tornado_ws._compat import socks

_PORTS = {"http": 80, "socks4": 1080, "socks5": 1080, "socks5h": 1080}
_URL = re.compile(u"(?P<scheme>[a-z0-9]+)://(?P<host>\\[[0-9a-fA-F:.]+\\]|[^][/?#:@\x00-\x20\x7f]+)"
                  u"(?::(?P<port>[0-9]+))?/?\\Z")

# Whose variables count, in this order. RFC 6455 section 4.1 prefers the proxy for HTTPS to the one
# for HTTP, which may allow no tunnels.
_VARIABLES = {"wss": ("wss", "https", "all"), "ws": ("ws", "https", "http", "all")}


class Proxy(collections.namedtuple("Proxy", "scheme host port username password")):
    """A proxy: two or three str, an int, and str or None for user and password.

    An IPv6 address has no brackets.
    """

    __slots__ = ()

    def __repr__(self):
        return "<Proxy %s://%s:%d>" % (self.scheme, self.host, self.port)


def parse(url):
    """Take the URL of a proxy apart.

    Args:
        url: ``scheme://[user:password@]host[:port]``; without a scheme it is ``http``.

    Returns:
        A `Proxy`.

    Raises:
        ValueError: It cannot be used. The text does not have it, as a password may be in it.
        NotImplementedError, ImportError: As of `socks.check`.
    """
    url = to_unicode(url)
    if u"://" not in url:
        url = u"http://" + url
    url, credentials = split_credentials(url)
    scheme, _, _ = url.partition(u":")
    match = _URL.match(scheme.lower() + url[len(scheme):])
    port = match and int(match.group("port") or _PORTS.get(match.group("scheme"), 0))
    if match is None or match.group("scheme") not in _PORTS or not 0 < port < 65536:
        raise ValueError("a proxy is http://, socks5://, socks5h:// or socks4://, with or without"
                         " user:password@, and a host, and a port")
    username, password = credentials or (None, None)
    return _checked(Proxy(match.group("scheme"), match.group("host").strip(u"[]"), port,
                          to_unicode(username), to_unicode(password)))


def _checked(proxy):
    if proxy.scheme != "http":
        socks.check()
    return proxy


def of_request(request):
    """Return the `Proxy` that an ``HTTPRequest`` names, or None.

    Raises:
        ValueError: It names one that cannot be used.
    """
    if not request.proxy_host:
        return None
    if not request.proxy_port:
        raise ValueError("proxy_host needs a proxy_port")
    if getattr(request, "proxy_auth_mode", None) not in (None, "basic"):
        raise ValueError("unsupported proxy_auth_mode %s" % request.proxy_auth_mode)
    return Proxy("http", to_unicode(request.proxy_host).strip(u"[]"), int(request.proxy_port),
                 to_unicode(request.proxy_username), to_unicode(request.proxy_password or u""))


def of_environment(url):
    """Return the `Proxy` that the environment names for a WebSocket URL, or None.

    Raises:
        ValueError, NotImplementedError, ImportError: As of `parse`.
    """
    scheme, host, port = check_url(url)
    for name in _VARIABLES[scheme]:
        value = os.environ.get(name + "_proxy")
        if value is None and name != "http":  # a CGI program has HTTP_PROXY from its client
            value = os.environ.get(name.upper() + "_PROXY")
        if value:
            exceptions = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
            return None if goes_direct(host, port, exceptions) else parse(value)
    return None


def goes_direct(host, port, exceptions):
    """Tell whether a ``no_proxy`` names a server.

    Args:
        host: Its host in lower case, an IPv6 address in brackets.
        port: Its port.
        exceptions: Names, which stand for what is below them too, addresses and networks, each with
            or without a port, separated by commas or white space; ``*`` for all.
    """
    for entry in to_unicode(exceptions).lower().replace(u",", u" ").split():
        name, colon, number = entry.rpartition(u":")
        if not colon or not number.isdecimal() or (u":" in name and not name.endswith(u"]")):
            name, number = entry, None  # an IPv6 address need not have brackets
        if number is not None and int(number) != port:
            continue
        if name == u"*" or _is_below(host, name) or _is_in_network(host.strip(u"[]"), name):
            return True
    return False


def _is_below(host, name):
    if name.startswith(u"*"):
        name = name[1:]
    name = name.strip(u".")
    host = host.rstrip(u".")
    return bool(name) and (host == name or host.endswith(u"." + name))


def _is_in_network(host, network):
    address, slash, bits = network.partition(u"/")
    address = _bits(address.strip(u"[]"))
    host = _bits(host)
    if not address or len(host) != len(address) or slash and not bits.isdecimal():
        return False
    size = int(bits) if slash else len(address)
    return host[:size] == address[:size]


def _bits(address):
    """Return an IP address as a text of zeros and ones; empty if it is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, str(address))
        except (EnvironmentError, UnicodeError, ValueError):
            continue
        return "".join("{:08b}".format(byte) for byte in bytearray(packed))
    return ""
