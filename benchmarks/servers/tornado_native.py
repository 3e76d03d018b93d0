"""The coroutines of tornado_program as native ones (Python 3, Tornado 4.5 and later)."""


async def echo_message(self, message):
    await self.write_message(message, isinstance(message, bytes))


async def echo(connecting, every):
    connection = await connecting
    while True:
        message = await connection.read_message()
        if message is None:
            return
        await connection.write_message(message, isinstance(message, bytes))


async def count(connecting, every):
    connection = await connecting
    number = 0
    while await connection.read_message() is not None:
        number += 1
        if not number % every:
            connection.write_message(str(number))
