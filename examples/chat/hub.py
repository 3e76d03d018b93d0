"""Where the messages of the chat are kept, for a chat in one process.

A hub is a log: `add` appends a message, `read` gives what comes after an id. Each client reads it
at its own pace, so nobody has to be fed, and a client that comes back goes on where it was.
"""
import asyncio
import collections
import itertools
import time

from tornado import locks

KEPT = 10000
"""How many messages Redis keeps, roughly, and how many keys a process without Redis."""

TAIL = 1000
"""How many messages a process holds in memory: all that there are, without Redis."""

BATCH = 100
"""How many messages are read at once."""

FIRST = "0-0"
"""An id before that of every message."""


def order(message_id):
    """Return what ids are to be compared by: ``"12-3"`` comes after ``"9-0"``."""
    return tuple(int(part) for part in message_id.split("-"))


class Tail:
    """The newest messages, in the order of their ids, and a way to wait for the next.

    A message is a dict; ``message["id"]`` is its id.

    Attributes:
        start: The tail holds all messages after this id.
        end: The id of the newest message, or ``start``.
    """

    def __init__(self, start, size):
        self.start = self.end = start
        self._messages = collections.deque()
        self._size = size
        self._grown = locks.Condition()

    def append(self, message):
        """Add the newest message and drop the oldest if there are too many."""
        self._messages.append(message)
        self.end = message["id"]
        if len(self._messages) > self._size:
            self.start = self._messages.popleft()["id"]
        self._grown.notify_all()

    async def read(self, after):
        """Wait until there are messages after an id and return the first of them."""
        while not self._messages or order(self.end) <= order(after):
            await self._grown.wait()
        newer = list(itertools.takewhile(
            lambda message: order(message["id"]) > order(after), reversed(self._messages)))
        return newer[:-BATCH - 1:-1]


class MemoryHub:
    """Keeps the messages in this process: they end with it.

    Ids start with the time, as those of Redis do: a client that has seen what an earlier process
    had is to be sent what this one has.
    """

    def __init__(self):
        self._tail = Tail("%d-0" % (time.time() * 1000), TAIL)
        self._ids = collections.OrderedDict()

    async def add(self, key, name, text):
        """Keep a message and return its id; the same key again changes nothing."""
        if key not in self._ids:
            self._ids[key] = "%d-0" % (order(self._tail.end)[0] + 1)
            self._tail.append({"id": self._ids[key], "name": name, "text": text})
            if len(self._ids) > KEPT:
                self._ids.popitem(last=False)
        return self._ids[key]

    async def read(self, after):
        """Wait until there are messages after an id and return the first of them."""
        return await self._tail.read(after)

    async def run(self):
        """Do what the hub does all the time: here it is nothing."""
        await asyncio.Event().wait()
