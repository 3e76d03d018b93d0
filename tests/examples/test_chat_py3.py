"""The chat of ``examples/chat``: no acknowledged message is lost, none comes twice.

The processes and the Redis are real and are killed with SIGKILL, which leaves them no time for
anything.
"""
from __future__ import absolute_import, division, print_function

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest
import redis
from chat_case import CHAT, DEADLINE, Member, environment, make_redis, make_server, members, run
from tornado import httpclient

from tornado_ws import websocket

COUNT = 40


@pytest.fixture
def redis_server(tmp_path):
    """A running Redis, as a pair of process and URL."""
    process, url = make_redis(tmp_path)
    process.start()
    yield process, url
    process.kill()


@pytest.fixture
def two_servers(tmp_path, redis_server):
    """Two running processes of one chat, as pairs of process and URL."""
    servers = [make_server(tmp_path, "--redis", redis_server[1]) for _ in range(2)]
    for process, _ in servers:
        process.start()
    yield servers
    for process, _ in servers:
        process.kill()


@pytest.fixture
def one_server(tmp_path):
    """A running process of a chat without Redis, as a pair of process and URL."""
    process, url = make_server(tmp_path)
    process.start()
    yield process, url
    process.kill()


async def say_many(member, prefix, at_half):
    """Send messages, each as soon as the one before is acknowledged; do something at half time."""
    for number in range(COUNT):
        if number == COUNT // 2:
            at_half()
        await member.say("%s %d" % (prefix, number))


def check_logs(*them):
    """Assert that all members received the same, in order, once, and what was acknowledged."""
    texts = [text for _, text in them[0].received]
    assert len(set(texts)) == len(texts)
    for member in them:
        assert member.received == them[0].received
        for text, message_id in member.acknowledged.items():
            assert (message_id, text) in them[0].received


def test_without_redis_everybody_hears_everybody(one_server):
    async def main():
        ann, bob = Member("Ann", one_server[1]), Member("Bob", one_server[1])
        async with members(ann, bob):
            await ann.say("hello")
            last = await bob.say("hello you")
            await asyncio.gather(ann.hear(last), bob.hear(last))
        assert [text for _, text in ann.received] == ["hello", "hello you"]
        check_logs(ann, bob)

    run(main())


def test_without_redis_a_client_hears_what_the_next_process_has(one_server):
    async def main():
        ann = Member("Ann", one_server[1])
        async with members(ann):
            for text in ("one", "two", "three"):
                await ann.hear(await ann.say(text))
            one_server[0].kill()
            one_server[0].start()
            await ann.hear(await ann.say("four"))
        assert [text for _, text in ann.received] == ["one", "two", "three", "four"]

    run(main())


@pytest.mark.parametrize("servers", ["one_server", "two_servers"])
def test_who_comes_back_goes_on_where_it_was(servers, request):
    fixture = request.getfixturevalue(servers)
    url = fixture[1] if servers == "one_server" else fixture[0][1]

    async def main():
        ann, bob = Member("Ann", url), Member("Bob", url)
        async with members(ann):
            async with members(bob):
                await bob.hear(await ann.say("one"))
            last = [await ann.say(text) for text in ("two", "three")][-1]
            async with members(bob):
                await bob.hear(last)
            await ann.hear(last)
        assert [text for _, text in bob.received] == ["one", "two", "three"]
        check_logs(ann, bob)

    run(main())


@pytest.mark.parametrize("servers", ["one_server", "two_servers"])
def test_more_messages_than_one_reading_gives_come_all(servers, request):
    fixture = request.getfixturevalue(servers)
    urls = [fixture[1]] * 2 if servers == "one_server" else [url for _, url in fixture]

    async def main():
        ann, bob = Member("Ann", urls[0]), Member("Bob", urls[1])
        async with members(ann):
            texts = [str(number) for number in range(250)]
            ids = await asyncio.gather(*[ann.say(text) for text in texts])
            await ann.hear(ids[-1])
        async with members(bob):
            await bob.hear(ids[-1])
        assert [text for _, text in bob.received] == texts
        check_logs(ann, bob)

    run(main())


def test_two_processes_are_one_chat(two_servers):
    async def main():
        ann, bob = (Member(str(number), url) for number, (_, url) in enumerate(two_servers))
        async with members(ann, bob):
            last = [await member.say("%d" % number)
                    for number, member in enumerate([ann, bob, ann, bob])][-1]
            await asyncio.gather(ann.hear(last), bob.hear(last))
        assert [text for _, text in ann.received] == ["0", "1", "2", "3"]
        check_logs(ann, bob)

    run(main())


def test_a_process_that_is_killed_loses_nothing(two_servers):
    """Its clients go to the other one."""
    (first, first_url), (_, second_url) = two_servers

    async def main():
        ann = Member("Ann", first_url, second_url)
        bob = Member("Bob", second_url)
        async with members(ann, bob):
            await asyncio.gather(say_many(ann, "Ann", first.kill),
                                 say_many(bob, "Bob", lambda: None))
            last = await bob.say("last")
            await asyncio.gather(ann.hear(last), bob.hear(last))
        assert ann.client.connections >= 2
        assert len(ann.received) == 2 * COUNT + 1
        check_logs(ann, bob)

    run(main())


def test_a_redis_that_is_killed_loses_nothing(two_servers, redis_server):
    """The processes wait for its return; what was not acknowledged comes later, once."""
    async def main():
        ann, bob = (Member(str(number), url) for number, (_, url) in enumerate(two_servers))

        def restart():
            redis_server[0].kill()
            redis_server[0].start()

        async with members(ann, bob):
            await asyncio.gather(say_many(ann, "Ann", restart),
                                 say_many(bob, "Bob", lambda: None))
            last = await bob.say("last")
            await asyncio.gather(ann.hear(last), bob.hear(last))
        late = Member("Late", two_servers[0][1])
        async with members(late):
            await late.hear(last)
        assert len(ann.received) == 2 * COUNT + 1
        check_logs(ann, bob, late)

    run(main())


def test_everything_at_once_loses_nothing(two_servers, redis_server):
    """Both processes and Redis are killed and started again, with messages on their way."""
    urls = [url for _, url in two_servers]

    async def main():
        ann, bob = Member("Ann", *urls), Member("Bob", *reversed(urls))

        def restart():
            processes = [redis_server[0]] + [process for process, _ in two_servers]
            for process in processes:
                process.kill()
            for process in processes:
                process.start()

        async with members(ann, bob):
            await asyncio.gather(say_many(ann, "Ann", restart),
                                 say_many(bob, "Bob", lambda: None))
            last = await bob.say("last")
            await asyncio.gather(ann.hear(last), bob.hear(last))
        assert len(ann.received) == 2 * COUNT + 1
        check_logs(ann, bob)

    run(main())


def test_a_message_sent_twice_is_kept_once(two_servers):
    """Whichever process it comes to."""
    async def main():
        answers = []
        for _, url in two_servers:
            async with websocket.websocket_connect(url) as connection:
                await connection.write_message(json.dumps({"key": "k", "text": "once"}))
                async for message in connection:
                    message = json.loads(message)
                    answers.append((message["type"], message["id"]))
                    if {kind for kind, _ in answers[-2:]} == {"ack", "message"}:
                        break
        assert len({message_id for _, message_id in answers}) == 1

    run(main())


def test_a_redis_that_refuses_ends_the_process(tmp_path, redis_server):
    """So that whoever looks after it notices."""
    with contextlib.closing(redis.Redis.from_url(redis_server[1])) as connection:
        connection.set("{chat}:messages", "no stream")
    process, _ = make_server(tmp_path, "--redis", redis_server[1])
    assert process.run() == 1
    assert "WRONGTYPE" in process.output()


@pytest.mark.parametrize("message", [
    "text", "[]", "1", "{}", '{"key": "", "text": ""}', '{"key": 1, "text": ""}',
    '{"key": "k"}', json.dumps({"key": "k" * 65, "text": ""}), '{"key": "k", "text": "\\ud800"}'])
def test_what_is_no_message_ends_the_connection(one_server, message):
    async def main():
        connection = await websocket.websocket_connect(one_server[1])
        await connection.write_message(message)
        assert await connection.read_message() is None
        assert connection.close_code == 1008

    run(main())


def test_what_is_no_id_is_refused(one_server):
    async def main():
        with pytest.raises(httpclient.HTTPError) as error:
            await websocket.websocket_connect(one_server[1] + "?after=x")
        assert error.value.code == 400

    run(main())


def test_a_page_to_chat_with(one_server):
    url = one_server[1].replace("ws:", "http:").replace("/chat", "/")
    with urllib.request.urlopen(url) as page:
        assert b"new WebSocket(" in page.read()


def test_the_line_client_sends_what_is_typed(one_server):
    """It ends when all of it is acknowledged."""
    command = [sys.executable, os.path.join(CHAT, "client.py"), "Ann", one_server[1]]
    subprocess.run(command, input=b"one\ntwo\n", env=environment(), timeout=DEADLINE, check=True)

    async def main():
        bob = Member("Bob", one_server[1])
        async with members(bob):
            await bob.hear(await bob.say("three"))
        assert [text for _, text in bob.received] == ["one", "two", "three"]

    run(main())


def test_an_end_in_order_tells_the_clients(one_server):
    async def main():
        connection = await websocket.websocket_connect(one_server[1])
        loop = asyncio.get_running_loop()
        ended = loop.run_in_executor(None, one_server[0].kill, signal.SIGTERM)
        assert await connection.read_message() is None
        assert connection.close_code == 1001
        assert await ended == 0
        assert "Traceback" not in one_server[0].output()

    run(main())
