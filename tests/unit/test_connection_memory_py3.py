"""The peak of the memory that a peer can take, measured by tracemalloc: C36."""
from __future__ import absolute_import, division, print_function

import importlib

import pytest
from core_frames import ALL_15, ROLES, byte_by_byte, close_code_of, connect, frame_for, receive
from test_connection_limits import CHUNK, deflate

pytestmark = pytest.mark.cpython

EACH_ROLE = pytest.mark.parametrize("role", ROLES)


@pytest.fixture
def tracemalloc():
    """Give the module, which PyPy lacks."""
    return importlib.import_module("tracemalloc")


@pytest.fixture
def peak(tracemalloc):
    """Give a function that returns the peak since the last call, in bytes over the start."""
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[1] - start
    tracemalloc.stop()


@pytest.mark.parametrize("role, first, payload", [
    ("server", 0x01, b"x"), ("client", 0x02, b"x"), ("client", 0x01, b"")])
def test_many_fragments_take_flat_memory(role, first, payload, peak):
    """C36: 20 000 fragments, a few times their bytes and one chunk at most."""
    connection = connect(role)
    fragment = frame_for(role, 0x00, payload)
    chunk = fragment * (CHUNK // len(fragment))
    assert connection.receive_data(frame_for(role, first)) == []
    for _ in range(20000 * len(fragment) // CHUNK + 1):
        assert receive(connection, chunk) == []
    assert peak() < 3 * len(payload) * 20000 + 4 * CHUNK


@EACH_ROLE
def test_a_declared_length_allocates_nothing_at_any_time(role, peak):
    """C36: 2**63 - 1 bytes, with a limit and without one."""
    head = b"\x82" + (b"\xff" if role == "server" else b"\x7f") + b"\x7f" + b"\xff" * 7 + b"\0" * 4
    for limit in (None, 100 << 20):
        connection = connect(role, limit)
        events = []
        for part in byte_by_byte(head):
            events += connection.receive_data(part)
        assert [opcode for opcode, _ in events] == ([] if limit is None else [0x10])
    assert peak() < 100000


@EACH_ROLE
@pytest.mark.parametrize("limit", [0, 1 << 20])
@pytest.mark.parametrize("opcode", [1, 2])
def test_a_bomb_takes_the_limit_and_one_chunk(role, limit, opcode, peak, tracemalloc):
    """C36: 64 MiB in 64 KiB, whole and in parts of a read's size; zlib's own state is small."""
    bomb = deflate(b"\0" * (64 << 20))
    for step in (len(bomb) + 100, CHUNK, 1000):
        data = frame_for(role, 0xc0 | opcode, bomb)
        connection = connect(role, limit, ALL_15)
        tracemalloc.clear_traces()
        before = tracemalloc.get_traced_memory()[0]
        events = []
        for start in range(0, len(data), step):
            events += connection.receive_data(data[start:start + step])
        assert close_code_of(events) == 1009
        assert tracemalloc.get_traced_memory()[1] - before < limit * 5 // 4 + len(data) + 4 * CHUNK


@EACH_ROLE
@pytest.mark.parametrize("opcode", [1, 2])
def test_a_large_message_is_held_once(role, opcode, peak, tracemalloc):
    """C36: with an eighth more and what is in work; a text is once more its characters."""
    size, step = 8 << 20, 4 * CHUNK
    data = frame_for(role, 0x80 | opcode, b"x" * size)
    connection = connect(role)
    tracemalloc.clear_traces()
    for start in range(0, len(data), step):
        events = connection.receive_data(data[start:start + step])
    assert len(events) == 1 and len(events[0][1]) == size
    assert peak() < size * 9 // 8 + 4 * step + (size if opcode == 1 else 0)
