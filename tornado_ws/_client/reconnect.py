"""Staying connected: one connection after the other (Python 3)."""
from __future__ import absolute_import, division, print_function

import email.utils
import random
import ssl
import time

from tornado.httpclient import HTTPError
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

from tornado_ws._compat import contexts, futures, loop

FIRST_WAIT = (0.1, 1)   # seconds, at random between them
GROWTH = (1.5, 2.5)     # how many times as long the next wait is, likewise
MAX_WAIT = 60           # seconds
LONG_LIFE = 10          # seconds, after which a connection has shown that there is a server
MAX_RETRY_AFTER = 3600  # seconds that a server may ask for

# What TLS says of a connection that was cut; anything else would be the same next time.
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_CERTIFICATE_ERRORS = (ssl.SSLError, ssl.CertificateError)


def least_wait(error):
    """Tell how long to wait before the next attempt.

    Args:
        error: What `websocket_connect` failed with.

    Returns:
        Seconds at least; None if another attempt is of no use.
    """
    error = getattr(error, "real_error", None) or error
    if isinstance(error, HTTPError):
        return _retry_after(error) if error.code >= 500 or error.code == 429 else None
    if isinstance(error, _CERTIFICATE_ERRORS) and not isinstance(error, _CUT):
        return None
    return 0 if isinstance(error, EnvironmentError) else None


def _retry_after(error):
    """Read ``Retry-After`` (RFC 7231 section 7.1.3): seconds, or a date."""
    value = error.response.headers.get("Retry-After", "") if error.response else ""
    if value.isdecimal():
        seconds = int(value[:9])
    else:
        try:
            date = email.utils.parsedate_tz(value)
            seconds = 0 if date is None else email.utils.mktime_tz(date) - time.time()
        except Exception:  # of many kinds, for dates that there are not
            seconds = 0
    return min(max(seconds, 0), MAX_RETRY_AFTER)


class Session(object):
    """Makes one connection after the other.

    Args:
        io_loop: The IOLoop.
        connect: ``f()``, begins to connect; returns a `ConnectFuture`. Or None.
        first: The first of these Futures.

    Attributes:
        goes_on: Whether there can be more than one connection.
    """

    def __init__(self, io_loop, connect, first):
        self._io_loop = io_loop
        self.goes_on = connect is not None
        self._connect = connect
        self._context = contexts.request_context()
        self._attempt = first     # which has not been given to anybody
        self._watched = None      # the attempt whose end will be noticed
        self._waiter = None       # the Future of who wants the next connection
        self._connection = None   # the one that was given last
        self._opened = None       # when
        self._ending = None       # the Future of its end
        self._wait = None         # the last one, in seconds
        self._timer = None
        self._stopped = False

    def next(self):
        """Return a Future of the next connection; it ends like an iterator's after `stop`."""
        waiter = futures.new_future(self._io_loop)
        if self._stopped:
            waiter.set_exception(StopAsyncIteration())
            return waiter
        self._waiter = waiter
        if self._connection is not None:
            if self._ending is None:
                self._ending = self._connection._ws_close_and_wait()
                futures.on_done(self._io_loop, self._ending, self._on_end)
        elif self._attempt is not None:
            self._watch()
        return waiter

    def _watch(self):
        if self._watched is not self._attempt:
            self._watched = self._attempt
            futures.on_done(self._io_loop, self._attempt, self._on_attempt)

    def _on_attempt(self, future):
        self._watched = None
        failure = futures.failure(future)
        waiter = self._waiter
        if self._stopped or waiter is None or waiter.done():
            return  # whoever asks next is told
        self._attempt = None
        least = least_wait(failure[1]) if failure else None
        if least is not None:
            self._sleep(least)
            return
        self._waiter = None
        if failure:
            self._stopped = True
            waiter.set_exception(failure[1])
        else:
            self._connection = future.result()
            self._opened = self._io_loop.time()
            waiter.set_result(self._connection)

    def _on_end(self, future):
        connection, self._connection, self._ending = self._connection, None, None
        if not self._stopped:
            ended = connection._ws_ended or self._io_loop.time()
            if ended - self._opened >= LONG_LIFE:
                self._wait = None
            self._sleep(0)

    def _sleep(self, least):
        if self._wait is None:
            self._wait = random.uniform(*FIRST_WAIT)
        else:
            self._wait = min(self._wait * random.uniform(*GROWTH), MAX_WAIT)
        self._timer = loop.call_later(self._io_loop, max(self._wait, least), self._begin)

    def _begin(self):
        self._timer = None
        self._attempt = self._context.run(self._connect)
        self._watch()

    def leave(self):
        """Stop, from wherever the iterator is freed."""
        if IOLoop.current(instance=False) is self._io_loop:
            self.stop()
        else:
            loop.call_from_thread(self._io_loop, self.stop)

    def stop(self):
        """Give up what is under way, and begin to close the connection."""
        self._stopped = True
        if self._timer is not None:
            self._io_loop.remove_timeout(self._timer)
            self._timer = None
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.done():
            if futures.failure(attempt) is None:
                self._connection = attempt.result()
        elif attempt is not None and not attempt.cancel():
            # Futures of Tornado < 5.0 cannot be cancelled.
            attempt.set_exception(StreamClosedError())
            attempt.exception()  # it need not be looked at
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(StopAsyncIteration())
            waiter.exception()  # it need not be looked at
        if self._connection is not None:
            self._connection.close()

    def close(self):
        """Stop; return a Future that is done when the connection is closed."""
        self.stop()
        if self._ending is None and self._connection is not None:
            self._ending = self._connection._ws_close_and_wait()
        if self._ending is not None:
            return self._ending
        future = futures.new_future(self._io_loop)
        future.set_result(None)
        return future


class Connections(object):
    """What ``async for`` asks for connections.

    Args:
        session: The `Session`, which ends when this is freed.
    """

    def __init__(self, session):
        self._session = session

    def __aiter__(self):
        return self

    def __anext__(self):
        return self._session.next()

    def aclose(self):
        """Close the connection; return a Future that is done when it is closed."""
        return self._session.close()

    def __del__(self):
        self._session.leave()
