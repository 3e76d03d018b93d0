"""Events to callbacks: in order, in batches, with flow control.

Theory of operation. The transport hands over bytes, `_sansio.connection.Connection` makes events
of them, and each batch of events is delivered under a cork, so that the answers leave in one
piece. A message goes to ``handler.on_message`` at once, unless an earlier callback is still
being awaited (``_awaited``): then it waits in ``_queue``, in order, while control frames go on
being handled. When the queue is full, or a batch was left unfinished, the transport is paused;
the rest follows in later turns of the loop, so that one connection cannot starve the others.

What ends the events, a close frame or a protocol error, is noticed at once and handled when the
messages before it have been: so what they are answered with is still sent. It does not wait for
long: `END_TURNS`, or `END_GRACE` while a callback is being awaited; and not at all where it comes
alone and nobody is known to be at work on an answer.

When the connection is *lost*, nothing more can be received; once the queue is delivered the
handler is told, exactly once, and let go.
"""
from __future__ import absolute_import, division, print_function

import collections
import sys

from tornado_ws import _compat
from tornado_ws._connection.runner import Runner
from tornado_ws._sansio.connection import BATCH_EVENTS, PROTOCOL_ERROR, Connection
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE, mask_bytes
from tornado_ws._semantics import TORNADO_4_3
from tornado_ws._stream.transport import LARGE_READ_SIZE, READ_SIZE

READ_AHEAD_COUNT = 256  # messages that may wait for a callback
READ_AHEAD_BYTES = 1024 * 1024
END_TURNS = 3           # of the loop, in which a reader answers what came before the end
END_GRACE = 1.0         # seconds at most for callbacks to do so

_CoroutineType = _compat.CoroutineType


class _AlwaysOpen(object):
    """Stands in for a stream that was closed before."""

    socket = True


class WebSocketProtocol(object):
    """What does not depend on the protocol's version: a handler, and the callbacks that it gets.

    Args:
        handler: The `WebSocketHandler`, or what stands for a client connection.
        is_client: Whether this end is the client.
        max_message_size: In bytes; None for the stream's ``max_buffer_size``.

    Attributes:
        stream: The IOStream, once the handshake is done.
        client_terminated: Whether the peer has ended its side (in either role; 4.3's name).
        server_terminated: Whether this end has sent its close frame.
    """

    # Of what most connections never have the default stands here: an instance with few attributes
    # is smaller, and quicker to reach. What each message asks for it has itself.
    stream = None
    _semantics = TORNADO_4_3
    _transport = None
    _queue_bytes = 0
    _pending = 0         # Futures of callbacks, not done
    _awaited = None      # the Future of a callback that holds back messages
    _scheduled = False   # whether _continue will be called
    _end_turns = 0
    _end_timer = None
    _told = False        # the handler knows that it is over

    def __init__(self, handler, is_client, max_message_size):
        self.handler = handler
        self._core = Connection(is_client, max_message_size,
                                _compat.websocket_mask or mask_bytes)
        self._core.any_close_code = self._semantics.any_close_code
        self.client_terminated = self.server_terminated = False
        self._failed = False      # a callback failed: nothing more is delivered
        self._hold = False        # whether messages go to the queue
        self._held = False        # whether the handler's side wants no more for now
        self._runner = None       # of coroutines, where there are any
        self._queue = ()
        self._end = None          # the close frame or error that ends the events
        self._lost = False

    # What a version adds.

    def _notice_end(self, opcode, data):
        """Take notice of what ends the events, before it is handled."""
        raise NotImplementedError

    def _handle_message(self, opcode, data):
        """Handle a control frame, or the error that ends the events."""
        raise NotImplementedError

    def _callback_failed(self, *exc_info):
        """End the connection because a callback failed.

        Args:
            *exc_info: As of ``sys.exc_info()``.
        """
        raise NotImplementedError

    # Callbacks.

    def _run_callback(self, callback, *args):
        """Call a callback for which nothing waits; if it fails the connection ends."""
        try:
            result = callback(*args)
            if result is not None:
                self._settle(result)
                result = None  # see `_compat.failure`
        except _compat.CALLBACK_ERRORS:
            self._callback_failed(*sys.exc_info())
        finally:
            self._leave_task()

    def _leave_task(self):
        if self._runner is not None:
            self._runner.leave()

    def _settle(self, result):
        """Take care of what a callback returned.

        Returns:
            A Future that is not done yet, or None.

        Raises:
            Exception: What a coroutine failed with in its first step.
        """
        if type(result) is _CoroutineType:
            if self._runner is None:
                self._runner = Runner(self._transport.io_loop)
            future = self._runner.start(result)
        else:
            future = _compat.as_future(result)
        if future is None:
            return None
        if future.done():
            self._check_callback(future)
            return None
        self._pending += 1
        future.add_done_callback(self._on_callback_done)
        return future

    def _check_callback(self, future):
        exc_info = _compat.failure(future)
        if exc_info is not None:
            self._callback_failed(*exc_info)

    def _on_callback_done(self, future):
        self._pending -= 1
        awaited = self._awaited is future
        if awaited:
            self._awaited = None
        self._check_callback(future)
        if awaited:
            self._deliver_queue()

    # Delivery.

    def _on_data(self, data):
        core = self._core
        self._deliver(core.receive_data(data))
        if core.bytes_missing > READ_SIZE:
            self._transport.read_size = min(core.bytes_missing, LARGE_READ_SIZE)
        elif self._transport.read_size != READ_SIZE:
            self._transport.read_size = READ_SIZE

    def _deliver(self, events):
        """Hand one batch of events to the handler; send the answers together."""
        transport = self._transport
        transport.cork()
        try:
            self._dispatch(events)
        finally:
            if self._runner is not None:
                self._runner.leave()
            transport.uncork()
        self._go_on()

    def _deliver_queue(self):
        self._hold = False
        self._transport.cork()
        try:
            for _ in range(min(BATCH_EVENTS, len(self._queue))):
                payload = self._queue.popleft()
                self._queue_bytes -= len(payload)
                self._dispatch(((OP_BINARY, payload),))
                if self._hold or self._failed:
                    break
        finally:
            self._leave_task()
            self._transport.uncork()
        if self._queue:
            self._hold = True
        self._go_on()

    def _dispatch(self, events):
        # A stream that a callback closes ends the batch; one that was closed before does not.
        stream = self.stream
        if stream.socket is None:
            stream = _AlwaysOpen
        handler = self.handler
        for opcode, payload in events:
            if opcode > OP_BINARY:
                self._dispatch_control(opcode, payload, events)
            elif self._hold:
                self._enqueue(payload)
            else:
                try:
                    result = handler.on_message(payload)
                    if result is not None:
                        self._await(result, handler._serial_messages)
                        result = None  # see `_compat.failure`
                except _compat.CALLBACK_ERRORS:
                    self._callback_failed(*sys.exc_info())
            if self._failed or stream.socket is None:
                break

    def _enqueue(self, payload):
        if not (self.server_terminated and self._is_full()):
            if not self._queue:
                self._queue = collections.deque()
            self._queue.append(payload)
            self._queue_bytes += len(payload)

    def _is_full(self):
        return len(self._queue) >= READ_AHEAD_COUNT or self._queue_bytes >= READ_AHEAD_BYTES

    def _dispatch_control(self, opcode, data, events):
        if opcode != OP_CLOSE and opcode != PROTOCOL_ERROR:
            self._handle_message(opcode, data)
            return
        self._notice_end(opcode, data)
        if len(events) > 1 or self._queue or self._pending or self.handler._answers_later:
            self._end = opcode, data
            self._end_turns = END_TURNS
            self._end_timer = self._transport.io_loop.call_later(END_GRACE, self._handle_end)
        else:
            self._handle_message(opcode, data)

    def _handle_end(self):
        end = self._end
        self._forget_end()
        self._handle_message(*end)
        self._go_on()

    def _forget_end(self):
        if self._end is not None:
            self._end = None
            self._transport.io_loop.remove_timeout(self._end_timer)

    def _await(self, result, serial):
        """Hold back messages until what a callback returned is done.

        Args:
            result: What it returned, not None.
            serial: Whether to wait: a pair, for a Future and for any other awaitable.

        Raises:
            Exception: What a coroutine failed with in its first step.
        """
        native = type(result) is _CoroutineType
        if native and self._runner is not None:
            result = self._runner.start(result)
            if result is None:
                return  # as most are; this way is the shortest for them
        future = self._settle(result)
        if future is not None:
            if serial[native or future is not result]:
                self._awaited = future
                self._hold = True
            # The callback may wait for the peer's answer to what it wrote.
            self._transport.flush()

    def _go_on(self):
        """Decide what comes next: work on in a later turn, wait, the end, or read."""
        queue, backlog = self._queue, self._core.backlog
        wait = (self._held or queue and self._is_full()) and not self.server_terminated
        if (queue and self._awaited is None) or (backlog and not wait):
            self._schedule()
        elif self._lost:
            if not queue and not backlog:
                self._tell_in_turn()
        elif self._end is not None and self._awaited is None:
            self._schedule()
        elif wait:
            self._transport.pause()
        elif self._transport.paused:
            self._transport.resume()

    def _schedule(self):
        self._transport.pause()
        if not self._scheduled:
            self._scheduled = True
            _compat.call_soon(self._transport.io_loop, self._continue)

    def _continue(self):
        self._scheduled = False
        if self._awaited is None and self._queue:
            self._deliver_queue()
        elif self._awaited is None and self._end is not None:
            self._end_turns -= 1
            if self._end_turns:
                self._go_on()
            else:
                self._handle_end()
        else:
            self._deliver(self._core.receive_data(b""))

    def hold_reading(self, held):
        """Say whether the handler's side has more messages than it wants."""
        self._held = held
        if not held:
            self._go_on()

    def _lose(self):
        """Take notice that nothing more can be received."""
        self._lost = True
        self._end_turns = END_TURNS
        self._forget_end()
        self._go_on()

    def _tell_in_turn(self):
        if self._awaited is not None and self.handler._ends_in_order:
            return  # the end is told as the last message
        # A callback that is being awaited may not have begun yet.
        if self._awaited is not None and self._end_turns:
            self._end_turns -= 1
            self._schedule()
        elif not self._told:
            self._told = True
            if self._runner is not None:
                self._runner.stop()
            self.handler.on_connection_close()
