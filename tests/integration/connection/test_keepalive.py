"""Pings at an interval, and what happens without a pong: C35, C37.

The clock goes on when a test says so; there are no sleeps and no sockets.
"""
from __future__ import absolute_import, division, print_function

import heapq

import pytest

from tornado_ws._connection.keepalive import Keepalive


class Clock(object):
    """An IOLoop's time, timers and turns, which stand still between two calls of `go_to`."""

    def __init__(self):
        self.now = 1000.0
        self.asyncio_loop = self
        self._timers = []
        self._removed = set()
        self._made = 0

    def time(self):
        return self.now

    def call_later(self, seconds, callback, *args):
        self._made += 1
        heapq.heappush(self._timers, (self.now + seconds, self._made, callback, args))
        return self._made

    def call_soon(self, callback, *args):
        self.call_later(0, callback, *args)

    add_callback = call_soon

    def remove_timeout(self, timer):
        assert timer in self.pending()
        self._removed.add(timer)

    def pending(self):
        return [entry[1] for entry in self._timers if entry[1] not in self._removed]

    def go_to(self, seconds):
        """Let the time go on to so many seconds after the start, and run what is due."""
        end = 1000.0 + seconds
        while self._timers and self._timers[0][0] <= end:
            deadline, timer, callback, args = heapq.heappop(self._timers)
            if timer not in self._removed:
                self.now = max(self.now, deadline)
                callback(*args)
        self.now = end


class Sent(object):
    """The Future of a ping that the socket has taken."""

    def done(self):
        return True


class Peer(object):
    """What a keepalive does, with the seconds after the start."""

    def __init__(self, interval, timeout, ends=True):
        self.clock = Clock()
        self.log = []
        self.ends = ends
        self.on_ping = lambda: None
        self.on_end = lambda: None
        self.keepalive = Keepalive(self.clock, interval, timeout, self.send_ping, self.time_out)

    def send_ping(self):
        self.log.append(("ping", self.clock.now - 1000))
        self.on_ping()
        return Sent()

    def time_out(self):
        self.log.append(("timeout", self.clock.now - 1000))
        self.on_end()
        return self.ends

    def pong_at(self, seconds):
        self.clock.go_to(seconds)
        self.keepalive.received_pong(b"")

    def log_until(self, seconds):
        self.clock.go_to(seconds)
        return self.log


def pings(*times):
    return [("ping", time) for time in times]


def test_a_ping_goes_out_every_interval():
    """C35: the first after one interval."""
    peer = Peer(10, 0)
    assert peer.log_until(9.5) == []
    assert peer.log_until(45) == pings(10, 20, 30, 40)


def test_without_a_timeout_no_pong_is_needed():
    """C37: 0 is for ever."""
    assert Peer(1, 0).log_until(1000) == pings(*range(1, 1001))


def test_a_pong_in_time_keeps_the_connection():
    """C37."""
    peer = Peer(10, 3)
    for seconds in (12, 22.5, 32.9):
        peer.pong_at(seconds)
    assert peer.log_until(42) == pings(10, 20, 30, 40)


def test_a_ping_without_a_pong_ends_the_connection():
    """C37: at the timeout, not at the next ping; nothing follows."""
    peer = Peer(10, 3)
    assert peer.log_until(100) == pings(10) + [("timeout", 13)]
    assert peer.clock.pending() == []


def test_the_timeout_may_be_the_interval():
    """C37: the default with 4.3's semantics; the unanswered ping is not followed by another."""
    peer = Peer(10, 10)
    peer.pong_at(15)
    assert peer.log_until(100) == pings(10, 20) + [("timeout", 30)]


def test_the_timeout_may_be_longer_than_the_interval():
    """C37: pings go on meanwhile; the first one that was not answered counts."""
    peer = Peer(10, 25)
    assert peer.log_until(100) == pings(10, 20, 30) + [("timeout", 35)]


def test_any_pong_ends_a_timeout_longer_than_the_interval():
    """C37: then the next ping starts it anew."""
    peer = Peer(10, 25)
    peer.pong_at(34)
    assert peer.log_until(100) == pings(10, 20, 30, 40, 50, 60) + [("timeout", 65)]


def test_a_pong_too_late_does_not_count():
    peer = Peer(10, 3)
    peer.clock.go_to(13)
    peer.keepalive.received_pong(b"")
    assert peer.log_until(100) == pings(10) + [("timeout", 13)]


def test_a_pong_that_was_not_asked_for_changes_nothing():
    """RFC 6455 section 5.5.3: "A Pong frame MAY be sent unsolicited"."""
    peer = Peer(10, 3)
    peer.pong_at(1)
    peer.pong_at(2)
    assert peer.log_until(100) == pings(10) + [("timeout", 13)]


def test_a_connection_that_could_not_see_a_pong_gets_another_chance():
    """C37: while reading is paused nothing can come; the next ping starts the timeout anew."""
    peer = Peer(10, 3, ends=False)
    assert peer.log_until(34) == (pings(10) + [("timeout", 13)] + pings(20) + [("timeout", 23)]
                                  + pings(30) + [("timeout", 33)])
    peer.ends = True
    assert peer.log_until(100)[6:] == pings(40) + [("timeout", 43)]


def test_another_chance_at_the_moment_of_a_ping_starts_with_that_ping():
    peer = Peer(10, 10, ends=False)
    assert peer.log_until(25) == pings(10) + [("timeout", 20)] + pings(20)
    peer.pong_at(26)
    assert peer.log_until(35)[3:] == pings(30)


def test_nothing_is_sent_after_stop():
    """C37: "Pings stop when the connection closes"; the timer is taken back."""
    for seconds in (0, 5, 10, 12):
        peer = Peer(10, 3)
        before = list(peer.log_until(seconds))
        peer.keepalive.stop()
        assert peer.clock.pending() == []
        assert peer.log_until(100) == before


def test_stop_may_be_called_twice():
    peer = Peer(10, 3)
    peer.keepalive.stop()
    peer.keepalive.stop()
    assert peer.log_until(100) == []


def test_a_pong_after_stop_changes_nothing():
    peer = Peer(10, 3)
    peer.clock.go_to(11)
    peer.keepalive.stop()
    peer.keepalive.received_pong(b"")
    assert peer.log_until(100) == pings(10)


def test_stop_while_the_ping_is_being_sent():
    """C37: sending fails, so the connection is dropped, which stops the pings."""
    peer = Peer(10, 3)
    peer.on_ping = peer.keepalive.stop
    assert peer.log_until(100) == pings(10)
    assert peer.clock.pending() == []


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("timeout", [3, 10])
def test_stop_while_the_timeout_is_being_told(ends, timeout):
    """C37: ending the connection stops the pings, whatever is returned."""
    peer = Peer(10, timeout, ends)
    peer.on_end = peer.keepalive.stop
    assert peer.log_until(100) == pings(10) + [("timeout", 10 + timeout)]
    assert peer.clock.pending() == []


def test_a_late_timer_does_not_make_up_for_what_was_missed():
    """A loop that was busy sends one ping, and the next one an interval later."""
    peer = Peer(10, 0)
    peer.clock.now += 35
    assert peer.log_until(36) == pings(35)
    assert peer.log_until(50) == pings(35, 45)


def test_there_are_two_timers_at_a_time_at_most():
    for timeout in (0, 3, 25):
        peer = Peer(10, timeout, ends=False)
        for half_seconds in range(200):
            peer.clock.go_to(half_seconds / 2.0)
            assert 1 <= len(peer.clock.pending()) <= 2
            if half_seconds % 7 == 0:
                peer.keepalive.received_pong(b"")


def test_a_loop_that_stood_still_blames_nobody_for_it():
    """C37: a pong that is read in the turn after the timers, or in the next one, is in time."""
    for turn in range(2):
        peer = Peer(10, 3)
        peer.clock.go_to(12)
        peer.clock.now += 5
        for _ in range(turn):
            peer.clock.call_soon(lambda: None)
        peer.clock.call_later(1 - 5, peer.clock.call_soon, peer.keepalive.received_pong, b"")
        assert peer.log_until(19) == pings(10)


def test_the_timeout_starts_when_the_ping_is_with_the_socket():
    """C37: a slow but living transfer is not a dead peer."""
    class Waiting(object):
        def done(self):
            return False

        def add_done_callback(self, callback):
            self.tell = callback

        def cancelled(self):
            return False

        def exception(self):
            return None

    peer, waiting = Peer(10, 3), Waiting()
    peer.send_ping = lambda: peer.log.append(("ping", peer.clock.now - 1000)) or waiting
    peer.keepalive.stop()
    peer.keepalive = Keepalive(peer.clock, 10, 3, peer.send_ping, peer.time_out)
    peer.clock.go_to(18)
    waiting.tell(waiting)
    assert peer.log_until(25) == pings(10, 20) + [("timeout", 21)]


def test_a_stopped_keepalive_refers_to_nobody():
    """C28: no cycle with what made it."""
    peer = Peer(10, 3)
    peer.keepalive.stop()
    bound = [value for value in vars(peer.keepalive).values() if hasattr(value, "__self__")]
    assert bound == []
