"""Redirects: which of them are followed, and what goes along."""
from __future__ import absolute_import, division, print_function

import copy

from tornado import httpclient

from tornado_ws._client.url import check_url, resolve, split_credentials
from tornado_ws._compat import contexts, futures

_STATUSES = (301, 302, 303, 307, 308)  # RFC 7231 section 6.4, RFC 7538

# What goes along to another origin, in lower case. Anything else may be a secret.
_HARMLESS = frozenset((
    "accept", "accept-encoding", "accept-language", "cache-control", "origin", "pragma",
    "sec-websocket-protocol", "user-agent"))
_SECRETS = ("auth_username", "auth_password", "client_cert", "client_key")

_A_MOMENT = 0.001  # seconds: a timeout of 0 is for ever


def copy_request(request):
    """Copy an ``HTTPRequest`` with its headers, so that what is done to it stays there."""
    request = copy.copy(request)
    # Tornado 6.6: ``HTTPHeaders(headers)`` refuses what is wrong with them, which comes later.
    request.headers = copy.deepcopy(request.headers)
    return request


def with_defaults(request):
    """Give an ``HTTPRequest`` Tornado's defaults."""
    return httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)


class Attempt(futures.Future):
    """The Future of one connection on the way to the right one: failing, it may be followed.

    Attributes:
        outcome: The Future of whoever wants the connection.
        follow: ``f(error)``, called when this one fails: tells whether another has begun.
    """

    outcome = follow = None

    def done(self):
        """Tell whether there is a result, or nobody wants one."""
        return super(Attempt, self).done() or self.outcome.done()

    def set_result(self, connection):
        """Hand on the connection."""
        self.end()
        self.outcome.set_result(connection)

    def set_exception(self, error):
        """Follow a redirect, or hand on the error."""
        followed = self.follow(error)
        self.end()
        if not followed:
            self.outcome.set_exception(error)

    def end(self, outcome=None):
        """Tell the connection that it need not go on."""
        if not super(Attempt, self).done():
            super(Attempt, self).set_result(None)


class Redirects(object):
    """Connects, and follows redirects.

    Args:
        io_loop: The IOLoop.
        request: The ``HTTPRequest``.
        count: How many redirects are followed.
        stay: Whether only those to the same origin are.
        connect: ``f(request, connect_future=future)``, makes a connection.
        outcome: The Future of the connection.
    """

    def __init__(self, io_loop, request, count, stay, connect, outcome):
        self._io_loop = io_loop
        self._request = request
        self._left = count
        self._stay = stay
        self._connect = connect
        self._outcome = outcome
        self._context = contexts.request_context()
        self._end = {}  # of each time limit

    def start(self):
        """Make the first connection."""
        request = with_defaults(self._request)
        for name in ("connect_timeout", "request_timeout"):
            if getattr(request, name):
                self._end[name] = self._io_loop.time() + getattr(request, name)
        self._begin()

    def _begin(self):
        attempt = futures.new_future(self._io_loop, Attempt)
        attempt.outcome = self._outcome
        attempt.follow = self._follow
        futures.on_done(self._io_loop, self._outcome, attempt.end)
        self._connect(request=self._request, connect_future=attempt)

    def _follow(self, error):
        target = self._left and _target(self._request.url, error)
        if not target or self._stay and check_url(target) != check_url(self._request.url):
            return False
        self._left -= 1
        self._request = redirected(self._request, target)
        now = self._io_loop.time()
        for name, end in self._end.items():
            setattr(self._request, name, max(end - now, _A_MOMENT))
        self._context.run(self._begin_again)
        return True

    def _begin_again(self):
        try:
            self._begin()
        except Exception as error:  # whatever a subclass of the connection does not like
            self._outcome.set_exception(error)


def _target(url, error):
    """Return the URL that an answer redirects to, or None for one that is not followed."""
    response = getattr(error, "response", None)
    # What answers a CONNECT is a proxy, which has no say in where a WebSocket goes.
    if (response is None or response.code not in _STATUSES or response.request.method == "CONNECT"
            or not response.headers.get("Location")):
        return None
    try:
        target = resolve(url, response.headers["Location"])
        scheme = check_url(target)[0]
    except ValueError:
        return None
    return None if check_url(url)[0] == "wss" != scheme else target


def redirected(request, target):
    """Make the request for where one was redirected to.

    Args:
        request: The ``HTTPRequest``.
        target: The URL.

    Returns:
        An ``HTTPRequest``; to another origin without what may be a secret.
    """
    new = copy_request(request)
    new.url = target
    if check_url(target) == check_url(request.url):
        credentials = split_credentials(request.url)[1]
        if credentials is not None:
            new.auth_username, new.auth_password = credentials
        return new
    for name in _SECRETS:
        setattr(new, name, None)
    for name in list(new.headers):
        if name.lower() not in _HARMLESS:
            del new.headers[name]
    return new
