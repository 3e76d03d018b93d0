"""Tests of distributed's communication over WebSockets, run by ``test_program_distributed_py3``.

Scheduler, workers and client are in this process, each with a server of its own on a free port;
what passes between them goes over WebSockets all the same.
"""
from __future__ import absolute_import, division, print_function

import asyncio
import contextlib
import os

import pytest
from distributed import Client, LocalCluster, comm
from distributed.comm import CommClosedError
from distributed.security import Security

LARGE = 30 * 1024 * 1024
"""Bytes of a result above the default limit of ``tornado.websocket`` for a message."""


def run(coroutine):
    """Run a coroutine to its end, in a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


@contextlib.asynccontextmanager
async def make_cluster(protocol="ws://", **options):
    """Give a client of a cluster with two workers."""
    async with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol=protocol, host="127.0.0.1",
            dashboard_address=None, asynchronous=True, **options) as cluster:
        assert cluster.scheduler_address.startswith(protocol)
        async with Client(cluster, asynchronous=True, **options) as client:
            yield client


@contextlib.asynccontextmanager
async def make_pair(handle):
    """Give the client's end of a connection to a listener with a handler of connections."""
    listener = await comm.listen("ws://127.0.0.1:0", handle, deserialize=True)
    end = await comm.connect(listener.contact_address)
    try:
        yield end
    finally:
        await end.close()
        listener.stop()


async def echo(end):
    """Send back whatever comes, until the end."""
    with contextlib.suppress(CommClosedError):
        while True:
            await end.write(await end.read())


def test_tasks_run_on_workers():
    async def main():
        async with make_cluster() as client:
            futures = client.map(lambda number: number * number, range(200))
            assert sum(await client.gather(futures)) == sum(n * n for n in range(200))

    run(main())


def test_results_pass_between_workers():
    async def main():
        async with make_cluster() as client:
            first, second = client.cluster.scheduler.workers
            one = client.submit(os.urandom, 1000, workers=[first], pure=False)
            two = client.submit(lambda data: data[::-1], one, workers=[second])
            assert (await two)[::-1] == await one

    run(main())


def test_large_data_goes_both_ways():
    data = os.urandom(LARGE)

    async def main():
        async with make_cluster() as client:
            scattered = await client.scatter(data)
            assert await client.submit(len, scattered) == LARGE
            assert await scattered == data

    run(main())


def test_an_exception_comes_back():
    async def main():
        async with make_cluster() as client:
            with pytest.raises(ZeroDivisionError):
                await client.submit(lambda number: 1 // number, 0)
            assert await client.submit(lambda number: 1 // number, 1) == 1

    run(main())


def test_a_worker_that_leaves_is_missed():
    async def main():
        async with make_cluster() as client:
            await client.cluster.scale(1)
            await client.cluster
            while len(client.cluster.scheduler.workers) != 1:
                await asyncio.sleep(0.01)
            assert await client.submit(len, b"abc") == 3

    run(main())


def test_a_cluster_with_tls():
    async def main():
        async with make_cluster("wss://", security=Security.temporary()) as client:
            futures = client.map(len, [b"a", b"bb", b"ccc"])
            assert await client.gather(futures) == [1, 2, 3]

    run(main())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 5000000])
def test_messages_of_every_size_come_back(size):
    message = {"data": os.urandom(size), "number": size}

    async def main():
        async with make_pair(echo) as end:
            await end.write(message)
            assert await end.read() == message

    run(main())


def test_many_messages_in_order():
    async def main():
        async with make_pair(echo) as end:
            writing = asyncio.ensure_future(_write_all(end, 500))
            for number in range(500):
                assert await end.read() == {"number": number}
            await writing

    run(main())


async def _write_all(end, count):
    for number in range(count):
        await end.write({"number": number})


def test_a_reader_learns_that_the_other_end_closed():
    async def close_at_once(end):
        await end.close()

    async def main():
        async with make_pair(close_at_once) as end:
            with pytest.raises(CommClosedError):
                await end.read()
            assert end.closed()

    run(main())


def test_a_listener_learns_that_the_client_closed():
    ended = []

    async def main():
        done = asyncio.Event()

        async def read(end):
            try:
                await end.read()
            except CommClosedError:
                ended.append(end)
                done.set()

        async with make_pair(read) as end:
            await end.close()
            await done.wait()
        assert len(ended) == 1

    run(main())


def test_nobody_listens():
    async def main():
        async with make_pair(echo) as end:
            address = end.peer_address
        with pytest.raises(OSError):
            await comm.connect(address, timeout=0.5)

    run(main())
