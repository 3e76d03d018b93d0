"""Events to callbacks: in order, in batches, with flow control.

Theory of operation. The transport hands over bytes, `_sansio.connection.Connection` makes events
of them, and each batch of events is delivered in the connection's context, while the transport
gathers the answers. A message goes to ``handler.on_message`` at once, unless an earlier callback is
still being awaited: then it waits in the read-ahead, in order, while control frames go on being
handled. The read-ahead is bounded in every state, and what a client has not read yet counts in it.

What may happen depends on the state, which only goes forward:

========  ==================  =====================  ===========================================
state     what comes in       a read-ahead that      once nothing waits for a callback
                              is full
========  ==================  =====================  ===========================================
OPEN      is delivered        pauses reading; after  reading goes on
                              our own close frame,
                              drops what comes then
ENDING    is dropped: a       cannot be              what ended it is handled: the close frame is
          close frame or an                          answered, the error gets its close frame
          error came before                          (after `END_GRACE` in any case)
LOST      nothing comes       cannot be              the application is told; a callback has
                                                     `CALLBACK_GRACE` until then
TOLD      nothing comes       cannot be              nothing
========  ==================  =====================  ===========================================

More than one batch, or more than a turn's messages, is left for later turns of the loop, so that
one connection cannot starve the others. A callback that runs the loop itself (as with nest_asyncio)
finds its own connection at rest: what comes meanwhile is kept until it returns.
"""
from __future__ import absolute_import, division, print_function

import collections
import functools
import sys

from tornado.log import gen_log

from tornado_ws import _straight
from tornado_ws._compat import futures, loop, tasks
from tornado_ws._connection.deadline import Deadline
from tornado_ws._connection.stand_ins import AlwaysOpen, Nobody
from tornado_ws._sansio.connection import BATCH_EVENTS, PROTOCOL_ERROR
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE
from tornado_ws._stream.transport import LARGE_READ_SIZE, READ_SIZE

READ_AHEAD_COUNT = 256  # messages that may wait for a callback, or for who reads them
READ_AHEAD_BYTES = 1024 * 1024
END_TURNS = 3           # of the loop, in which a reader answers what came before the end
END_GRACE = 4.0         # seconds at most for callbacks to do so
CALLBACK_GRACE = 5.0    # seconds for each callback once the connection is lost

OPEN, ENDING, LOST, TOLD = range(4)

_CoroutineType = tasks.CoroutineType


class Delivery(_straight.Delivery):
    """Delivers what one connection receives.

    Args:
        protocol: The `WebSocketProtocol13`: it handles control frames and ends.
        core: The `_sansio.connection.Connection`.
        callbacks: The `Callbacks`.
        serial: Whether an awaitable that on_message returns holds back the next message: a pair,
            for a Future and for any other awaitable.

    Attributes:
        state: OPEN, ENDING, LOST or TOLD.
        transport: The transport; whoever makes it sets this.
        unread: Messages that were delivered to a client and not read yet, a sized container.
        unread_bytes: How many bytes they have.
        held: Whether nothing is delivered yet, until `release`.
        attention: Whether there is more to think of after a batch than the next read.
    """

    __slots__ = ("state", "unread", "unread_bytes", "_protocol", "_serial", "_awaited",
                 "_controls", "_awaited_controls", "_pending", "_queue", "_queue_bytes", "_early",
                 "_end", "_end_turns", "_deadline", "_scheduled", "_failed")

    def __init__(self, protocol, core, callbacks, serial):
        self.state = OPEN
        self.transport = None
        self.unread = ()
        self.unread_bytes = 0
        self.held = False
        self.attention = True     # reading has not begun
        self._protocol = protocol
        self._core = core
        self._callbacks = callbacks
        self._handler = protocol.handler
        self._serial = serial
        self._hold = False
        self._awaited = None      # the Future of the callback that holds them back
        self._controls = 0        # callbacks of control frames that are not done
        self._awaited_controls = ()  # those of their Futures that on_close waits for
        self._pending = 0         # callbacks of messages that are not done and hold nothing back
        self._queue = ()          # a deque, once there is something to queue
        self._queue_bytes = 0
        self._early = b""         # what came while a callback ran the loop
        self._end = None          # the event that ended them, until it is handled
        self._end_turns = 0
        self._deadline = None     # until which callbacks have time
        self._scheduled = False
        self._failed = False      # a callback failed: nothing more is delivered

    # In batches.

    @_straight.before("receive")
    def receive(self, data):
        """Take the bytes of one read.

        Args:
            data: bytes; ``b""`` to go on with what the core still has.
        """
        transport, core = self.transport, self._core
        if transport.batching or self.held:
            self._early += data
            transport.pause()
            return
        transport.batching = True
        try:
            message = None if self._hold else core.receive_message(data)
            if message is not None:
                transport.last = True
                transport.wrote = None
                self._callbacks.run(self._deliver, self._handler, message)
            else:
                self._callbacks.run(self._dispatch, core.receive_data(data))
        except BaseException:
            self._callbacks.failed(*sys.exc_info())
        finally:
            transport.batching = False
            if transport.gathered:
                transport.flush()
            if core.bytes_missing > READ_SIZE:
                transport.read_size = min(core.bytes_missing, LARGE_READ_SIZE)
            elif transport.read_size != READ_SIZE:
                transport.read_size = READ_SIZE
            if self.attention or core.backlog:
                self.go_on()

    def _batch(self, function, *args):
        """Call a function of ours that calls the application, as one batch."""
        transport = self.transport
        transport.batching = transport.last = True
        transport.wrote = None
        try:
            self._callbacks.enter(function, *args)
        finally:
            transport.batching = False
            transport.flush()
            self.go_on()

    def open(self, serial, function, *args):
        """Call ``open``, after what has been gathered already, as the first batch.

        Args:
            serial: Whether what it returns holds back the first message: a pair, for a Future and
                for any other awaitable.
            function: Calls it.
            *args: Its arguments.
        """
        transport = self.transport
        transport.batching = transport.last = True
        transport.wrote = None
        try:
            result = self._callbacks.enter(function, *args)
            if result is not None:
                native = type(result) is _CoroutineType
                future = self._callbacks.settle_open(result)
                if future is not None:
                    self._watch(future, serial[native or future is not result])
                result = future = None  # see `futures.failure`
        except BaseException:
            result = future = None
            self._callbacks.failed(*sys.exc_info())
        finally:
            transport.batching = False
            transport.flush()
            self.go_on()

    def _dispatch(self, events):
        # A stream that a callback closes ends the batch; one that was closed before does not.
        transport, handler = self.transport, self._handler
        stream = transport.stream
        if stream.socket is None:
            stream = AlwaysOpen
        transport.last = False
        last = events.pop() if events else None
        for opcode, payload in events:
            transport.wrote = None
            if opcode > OP_BINARY or self._hold:
                self._dispatch_unusual(opcode, payload)
            else:
                try:
                    result = handler.on_message(payload)
                    if result is not None:
                        self._await(result)
                        result = None  # see `futures.failure`
                except BaseException:
                    result = None
                    self._callbacks.failed(*sys.exc_info())
            if self._failed or stream.socket is None:
                return
        if last is not None:
            transport.last = True
            transport.wrote = None
            opcode, payload = last
            if opcode > OP_BINARY or self._hold:
                self._dispatch_unusual(opcode, payload, not events)
            else:
                self._deliver(handler, payload)

    def _dispatch_unusual(self, opcode, payload, alone=False):
        if opcode > OP_BINARY:
            self._dispatch_control(opcode, payload, alone)
        else:
            self._enqueue(payload)

    def _deliver(self, handler, message):
        try:
            result = handler.on_message(message)
            if result is not None:
                self._await(result)
                result = None  # see `futures.failure`
        except BaseException:
            result = None
            self._callbacks.failed(*sys.exc_info())

    def _await(self, result):
        native = type(result) is _CoroutineType
        future = self._callbacks.settle(result)
        if future is not None:
            self._watch(future, self._serial[native or future is not result])

    def _watch(self, future, serial):
        """Take notice of a callback that is not done."""
        if serial:
            self._awaited = future
            self._hold = True
            futures.on_done(self._protocol.io_loop, future, self._on_awaited_done)
        else:
            self._pending += 1
            futures.on_done(self._protocol.io_loop, future, self._on_pending_done)
        self.attention = True
        # It may wait for the peer's answer to what it wrote.
        self.transport.flush()

    def _on_pending_done(self, future):
        self._pending -= 1
        self._check(future)
        self._let_go()

    def _on_awaited_done(self, future):
        if self._awaited is not future:
            futures.failure(future)  # it took too long, and is no error any more
            return
        self._awaited = None
        self._check(future)
        if self.state == LOST:
            self._cancel_deadline()
        if self._queue and not self.transport.batching:
            self._batch(self._deliver_queue)
        else:
            self._hold = bool(self._queue)
            self.go_on()

    def _check(self, future):
        failure = futures.failure(future)
        if failure is not None:
            # What a Task must not swallow it has raised itself.
            self._callbacks.enter(functools.partial(self._callbacks.failed, raised=True), *failure)

    def _deliver_queue(self):
        self._hold = False
        transport, handler, queue = self.transport, self._protocol.handler, self._queue
        transport.last = False
        for _ in range(min(BATCH_EVENTS, len(queue))):
            message = queue.popleft()
            self._queue_bytes -= len(message)
            transport.last = not queue
            transport.wrote = None
            self._deliver(handler, message)
            if self._hold or self._failed:
                break
        if self._queue:
            self._hold = True

    # Control frames, and the end.

    def _dispatch_control(self, opcode, data, alone):
        if opcode != OP_CLOSE and opcode != PROTOCOL_ERROR:
            self._protocol._handle_message(opcode, data)
            return
        self._protocol.notice_end(opcode, data)
        if self.state == LOST:
            return
        self.state = ENDING
        self._end = opcode, data
        self.attention = True
        if alone and not (self._queue or self._pending or self._awaited or self._controls
                          or self._protocol.answers_later):
            self._handle_end()
        else:
            self._end_turns = END_TURNS
            self._deadline = Deadline(self._protocol.io_loop, END_GRACE, self._end_waiting)

    def call(self, callback, *args):
        """Call a callback for which no message waits; within a batch.

        Returns:
            The Future of what it returned, if that is not done, else None.
        """
        pending = None
        try:
            result = callback(*args)
            if result is not None:
                native = type(result) is _CoroutineType
                future = pending = self._callbacks.settle(result)
                if future is not None:
                    self._controls += 1
                    if self._serial[native or future is not result]:
                        self._awaited_controls = self._awaited_controls or set()
                        self._awaited_controls.add(future)
                    self.attention = True
                    futures.on_done(self._protocol.io_loop, future, self._on_control_done)
                result = future = None  # see `futures.failure`
        except BaseException:
            result = future = pending = None
            self._callbacks.failed(*sys.exc_info())
        return pending

    def _on_control_done(self, future):
        self._controls -= 1
        if future in self._awaited_controls:
            self._awaited_controls.remove(future)
            if self.state == LOST:
                self._cancel_deadline()
        self._check(future)
        self.go_on()
        self._let_go()

    def _end_waiting(self):
        self._deadline = None
        if self._end is not None:
            self._batch(self._handle_end)

    def _handle_end(self):
        self._cancel_deadline()
        end, self._end = self._end, None
        self._protocol._handle_message(*end)

    def _cancel_deadline(self):
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def stop(self):
        """Deliver nothing more: a callback failed."""
        self._failed = True
        self._queue = ()
        self._queue_bytes = 0
        self._early = b""
        self._core.discard()

    def lose(self):
        """Take notice that nothing more can be received."""
        if self.state >= LOST:
            return
        self.state = LOST
        self._end = None
        self._cancel_deadline()
        self.attention = True
        if not self.transport.batching:
            self.go_on()

    # What comes next.

    def release(self):
        """Begin to deliver."""
        self.held = False
        self.go_on()

    def is_full(self):
        """Tell whether as much waits as may."""
        return (len(self._queue) + len(self.unread) + self._controls >= READ_AHEAD_COUNT
                or self._queue_bytes + self.unread_bytes >= READ_AHEAD_BYTES)

    def drops(self):
        """Tell whether a message that cannot be delivered now is dropped, and all after it."""
        if self._protocol.server_terminated and self.state == OPEN and self.is_full():
            self._handler = Nobody
        return self._handler is Nobody

    def _enqueue(self, message):
        if self.drops():
            return
        if not self._queue:
            self._queue = collections.deque()
        self._queue.append(message)
        self._queue_bytes += len(message)

    def go_on(self):
        """Decide what comes next: work on in a later turn, wait, the end, or read."""
        transport, queue = self.transport, self._queue
        if transport.batching or self.held or self.state == TOLD:
            return  # who holds it comes back
        self.attention = True
        idle = self._awaited is None
        full = self.is_full() and not self._protocol.server_terminated and self.state == OPEN
        if self._early or (self._core.backlog and not full):
            transport.pause()
            self._schedule()
        elif queue and idle:
            self._schedule()
        elif self.state == LOST:
            self._tell_in_time()
        else:
            if idle and self._end is not None:
                self._schedule()
            if full:
                transport.pause()
            elif transport.paused:
                transport.resume()
            self.attention = full or self._hold or self._controls > 0 or self.state != OPEN

    def _schedule(self):
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._protocol.io_loop, self._continue)

    def _continue(self):
        self._scheduled = False
        if self.transport.batching:
            self.attention = True  # a callback runs the loop
        elif self._early:
            early, self._early = self._early, b""
            self.receive(early)
        elif self._core.backlog:
            self.receive(b"")
        elif self._queue and self._awaited is None:
            self._batch(self._deliver_queue)
        elif self.state == LOST:
            self._tell()
        elif self._end is not None and self._awaited is None:
            self._end_turns -= 1
            if self._end_turns > 0:
                self._schedule()
            else:
                self._batch(self._handle_end)
        else:
            self.go_on()

    def _tell_in_time(self):
        if self._awaited is None and not self._awaited_controls:
            self._schedule()
        elif self._deadline is None:
            self._deadline = Deadline(self._protocol.io_loop, CALLBACK_GRACE, self._give_up)

    def _give_up(self):
        self._deadline = None
        dropped = len(self._queue)
        while self._core.backlog:
            dropped += sum(opcode <= OP_BINARY for opcode, _ in self._core.receive_data(b""))
        self.stop()
        self._awaited, self._awaited_controls = None, ()
        if dropped:
            gen_log.warning("%s: a callback took over %d s after the connection was lost; %d "
                            "messages were dropped", self._protocol.path, CALLBACK_GRACE, dropped)
        self.go_on()

    def _tell(self):
        if self._awaited is not None or self._awaited_controls:
            self.go_on()
            return
        self.state = TOLD
        transport = self.transport
        transport.batching = True
        try:
            self._callbacks.enter(self._protocol.tell)
        finally:
            transport.batching = False
            self._let_go()

    def _let_go(self):
        """Let go of the application and the protocol, once all errors of callbacks were seen."""
        if self.state == TOLD and not self._pending and not self._controls:
            self._callbacks.forget()
            self._handler = self._protocol.handler = None
            self._protocol = None
