"""Contexts: what a callback sees that was set where its connection began.

`request_context` takes the one that is current: of context variables, where Python has them, and
of Tornado's stack contexts, where Tornado has them. Its ``run`` calls a function in it.
"""
from __future__ import absolute_import, division, print_function

import sys

import tornado

if sys.version_info < (3, 7):
    # Python < 3.7: no context variables.
    class _NoContext(object):
        """Stands for a context of variables: there are none."""

        @staticmethod
        def run(function, *args):
            return function(*args)

    def copy_context():
        """Return a copy of the current context."""
        return _NoContext

    def _without_variables(function, *args, **kwargs):
        return function(*args, **kwargs)
else:
    # Python >= 3.7: every Handle, Task and timer of asyncio takes a copy of the current one along.
    from contextvars import Context, copy_context

    def _without_variables(function, *args, **kwargs):
        return Context().run(function, *args, **kwargs)


if tornado.version_info < (6,):
    # Tornado < 6.0: callbacks run in the stack context of whoever registered them.
    from tornado import stack_context

    def _call(function, *args):
        return function(*args)

    class _RequestContext(object):
        """The context variables and the stack context that were current when it was made."""

        def __init__(self):
            self._variables = copy_context()
            self._call = stack_context.wrap(_call)

        def run(self, function, *args):
            return self._variables.run(self._call, function, *args)

        def copy(self):
            return self._variables.copy()

    def without_handlers(context):
        """Return a context in which exceptions get out: stack contexts may swallow them."""
        return context._variables

    def request_context():
        """Return an object whose ``run(function, *args)`` calls in what is the context now."""
        return _RequestContext()

    def detached(function, *args, **kwargs):
        """Call a function in an empty context, so that what it registers keeps nobody's."""
        with stack_context.NullContext():
            return _without_variables(function, *args, **kwargs)
else:
    # Tornado >= 6.0: there is no other context than Python's.
    request_context = copy_context
    detached = _without_variables

    def without_handlers(context):
        """Return a context in which exceptions get out: this one."""
        return context
