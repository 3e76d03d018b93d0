"""Tasks of asyncio that tell who cancelled them, on every Python that has asyncio."""
from __future__ import absolute_import, division, print_function

import asyncio


class CountedTask(asyncio.Task):
    """A Task that counts how often its cancellation was asked for, as all do from 3.11 on."""

    if not hasattr(asyncio.Task, "cancelling"):
        # Python < 3.11: nobody counts.
        _requests = 0

        def cancel(self, *args, **kwargs):
            self._requests += 1
            return super(CountedTask, self).cancel(*args, **kwargs)

        def cancelling(self):
            """Return how often it was asked to be cancelled."""
            return self._requests
