"""A Future for threads, where Python 2 has no ``concurrent.futures``: what they need, no more."""
from __future__ import absolute_import, division, print_function

import threading

from tornado import gen


class ThreadFuture(object):
    """The outcome of a call that another thread makes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._begun = self._cancelled = False
        self._value = self._error = None

    def done(self):
        """Tell whether there is an outcome."""
        return self._done.is_set()

    def cancelled(self):
        """Tell whether it was cancelled."""
        return self._cancelled

    def cancel(self):
        """Take the call back, unless it has begun; return whether that was in time."""
        with self._lock:
            if not self._begun:
                self._cancelled = True
                self._error = gen.TimeoutError("the call was cancelled")
                self._done.set()
        return self._cancelled

    def set_running_or_notify_cancel(self):
        """Tell the call to begin; return whether it may."""
        with self._lock:
            self._begun = not self._cancelled
        return self._begun

    def set_result(self, value):
        """Give the call's value."""
        self._value = value
        self._done.set()

    def set_exception(self, error):
        """Give the call's exception."""
        self._error = error
        self._done.set()

    def exception(self, timeout=None):
        """Wait for the outcome; return the call's exception or None."""
        if not self._done.wait(timeout):
            raise gen.TimeoutError("no result after %s seconds" % timeout)
        return self._error

    def result(self, timeout=None):
        """Wait for the outcome.

        Args:
            timeout: Seconds to wait at most, or None.

        Returns:
            The call's value.

        Raises:
            ioloop.TimeoutError: There was none in time, or the call was cancelled.
            Exception: What the call raised.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._value
