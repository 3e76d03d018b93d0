"""The coroutines of tornado_program as generators (Python 2, Tornado before 4.5)."""
from __future__ import absolute_import, division, print_function

from tornado import gen


@gen.coroutine
def echo_message(self, message):
    yield self.write_message(message, isinstance(message, bytes))


@gen.coroutine
def echo(connecting, every):
    connection = yield connecting
    while True:
        message = yield connection.read_message()
        if message is None:
            return
        connection.write_message(message, isinstance(message, bytes))


@gen.coroutine
def count(connecting, every):
    connection = yield connecting
    number = 0
    while (yield connection.read_message()) is not None:
        number += 1
        if not number % every:
            connection.write_message(str(number))
