"""Where the messages of the chat are kept, for a chat in many processes: in a stream of Redis.

Publish and subscribe would not do: what is published while a subscriber's connection is down never
reaches it. A stream is a log that Redis keeps; whoever reads it says after which id.
"""
import asyncio
import logging

import redis.asyncio
from hub import BATCH, FIRST, KEPT, TAIL, Tail, order

# What is in braces decides where a cluster keeps a key: all of these in one place.
STREAM = "{chat}:messages"
SENT = "{chat}:sent:"

KEY_SECONDS = 3600
"""How long a message that is sent again is known to be the same."""

RETRY_SECONDS = 0.2
BLOCK_SECONDS = 5

ADD = """
local id = redis.call('GET', KEYS[2])
if not id then
    id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'name', ARGV[3], 'text', ARGV[4])
    redis.call('SET', KEYS[2], id, 'EX', ARGV[2])
end
return id
"""

UNREACHABLE = (redis.ConnectionError, redis.TimeoutError, OSError)


class RedisHub:
    """Keeps the messages in Redis; one connection follows them for all clients of this process."""

    def __init__(self, url):
        self._redis = redis.asyncio.from_url(
            url, decode_responses=True, socket_timeout=2 * BLOCK_SECONDS)
        self._add = self._redis.register_script(ADD)
        self._tail = None
        self._started = asyncio.Event()

    async def add(self, key, name, text):
        """Keep a message and return its id once Redis says that it has it.

        While Redis cannot be reached it tries again. That is safe also where the first attempt did
        succeed, and only its answer got lost: the same key again changes nothing.
        """
        return await self._insist(
            lambda: self._add(keys=[STREAM, SENT + key], args=[KEPT, KEY_SECONDS, name, text]))

    async def read(self, after):
        """Wait until there are messages after an id and return the first of them."""
        await self._started.wait()
        if order(after) >= order(self._tail.start):
            return await self._tail.read(after)
        entries = await self._insist(
            lambda: self._redis.xrange(STREAM, min="(" + after, count=BATCH))
        # There are none if the last ones were trimmed away meanwhile.
        return self._messages(entries) or await self._tail.read(self._tail.start)

    async def run(self):
        """Follow the stream for ever; after a failure from where it was."""
        newest = await self._insist(lambda: self._redis.xrevrange(STREAM, count=1))
        self._tail = Tail(newest[0][0] if newest else FIRST, TAIL)
        self._started.set()
        while True:
            answer = await self._insist(lambda: self._redis.xread(
                {STREAM: self._tail.end}, count=BATCH, block=BLOCK_SECONDS * 1000))
            for entries in dict(answer).values():
                for message in self._messages(entries):
                    self._tail.append(message)

    async def _insist(self, call):
        """Call Redis until it answers."""
        while True:
            try:
                return await call()
            except UNREACHABLE as error:
                logging.warning("Redis: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    @staticmethod
    def _messages(entries):
        return [dict(fields, id=entry_id) for entry_id, fields in entries]
